"""Creates the partitions of a dump as partitions, where that is the same as attaching them.

pg_dump creates each partition as a table and attaches it later. The server then reads the bounds of
all partitions twice for each one, and once where the partition is created as such. With 2,000
partitions that is most of the time that the expected schema takes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pgcutover.provision.sql_splitter import Statement

# a partition inherits the names of its NOT NULL constraints, which a table of its own chooses
_NAMED_NOT_NULL = 18
PART = r'(?:"(?:[^"]|"")+"|[^\s".()]+)'
NAME = rf"{PART}\.{PART}"
_TABLE = re.compile(rf"CREATE TABLE ({NAME}) \((.*)\n\)", re.DOTALL)
PARTITIONED = re.compile(rf"CREATE TABLE ({NAME}) \((.*)\n\)\nPARTITION BY .*", re.DOTALL)
_ATTACH = re.compile(rf"ALTER TABLE ONLY ({NAME}) ATTACH PARTITION ({NAME}) (.*)", re.DOTALL)
_ALTER = re.compile(rf"ALTER TABLE (?:ONLY )?({NAME}) (?!OWNER TO |ATTACH PARTITION )")
_ACCESS_METHOD = "SET default_table_access_method"


@dataclass(frozen=True, slots=True)
class _Attachment:
    """A partition, its parent and its bounds, as pg_dump writes them."""

    parent: str
    partition: str
    bounds: str


def create_as_partitions(statements: Sequence[Statement], major: int) -> list[Statement]:
    """Return the statements with CREATE TABLE PARTITION OF where that makes the same partition.

    Its columns, defaults and constraints are then written as its parent's are, nothing else is
    set for it, and both tables are as created until the partition is attached.
    """
    attached = {a.partition: a for s in statements if (a := _read_attachment(s))}
    methods = {s.text for s in statements if s.text.startswith(_ACCESS_METHOD)}
    if not attached or major >= _NAMED_NOT_NULL or len(methods) > 1:
        return list(statements)
    altered = _find_altered(statements)
    kept = {a for a in attached.values() if not {a.parent, a.partition} & altered}
    return list(_rewrite(statements, {a.partition: a for a in kept}))


def _rewrite(
    statements: Sequence[Statement], attached: dict[str, _Attachment]
) -> Iterator[Statement]:
    parents: dict[str, str] = {}
    created: set[_Attachment] = set()
    for each in statements:
        if match := PARTITIONED.fullmatch(each.text):
            parents[match[1]] = match[2]
        elif match := _TABLE.fullmatch(each.text):
            own = attached.get(match[1])
            if own is not None and parents.get(own.parent) == match[2]:
                created.add(own)
                text = f"CREATE TABLE {own.partition} PARTITION OF {own.parent} {own.bounds}"
                yield replace(each, text=text)
                continue
        elif _read_attachment(each) in created:
            continue
        yield each


def _read_attachment(statement: Statement) -> _Attachment | None:
    match = _ATTACH.fullmatch(statement.text)
    return _Attachment(match[1], match[2], match[3]) if match else None


def _find_altered(statements: Sequence[Statement]) -> set[str]:
    """Return the tables that a statement before the last attachment alters."""
    last = max(n for n, each in enumerate(statements) if _read_attachment(each))
    return {match[1] for s in statements[:last] if (match := _ALTER.match(s.text))}
