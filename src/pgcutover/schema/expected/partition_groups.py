"""Creates many partitions of one table in groups, each under a copy of their parent.

The server reads the bounds of all partitions of a parent for each new one, so that the time for
2,000 of them grows with the square of their number. Here each group is created under a copy of the
parent, which has few partitions; then the catalogs make all of them partitions of the parent, and
the copies are dropped.

Catalogs are written only on a scratch server of our own, which ends with the run. The bounds do not
overlap, because the source has them, so nothing has to check them again.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isqrt

from pgcutover.provision.sql_splitter import Statement
from pgcutover.schema.expected.dumped_partitions import NAME, PART, PARTITIONED

_FEW = 100  # partitions of one table, which are created fast enough
_PARTITION = re.compile(rf"(CREATE TABLE {NAME} PARTITION OF )({NAME}) (.*)", re.DOTALL)
_SCHEMA = re.compile(PART)
_DEFAULT = "DEFAULT"  # the parent's catalog row names it, so it is created under the parent
_ADOPT = """
update pg_inherits set inhparent = {parent} where inhparent = any ({copies});
update pg_depend d set refobjid = {parent}
from pg_inherits i
where i.inhparent = {parent} and d.classid = 'pg_class'::regclass and d.objid = i.inhrelid
  and d.refclassid = 'pg_class'::regclass and d.refobjid = any ({copies});
update pg_class set relhassubclass = true where oid = {parent};
drop table {dropped}"""


def create_in_groups(statements: Sequence[Statement], few: int = _FEW) -> list[Statement]:
    """Return the statements, with tables of more than `few` partitions created in groups.

    Only for a database of a scratch server of our own, and for its superuser.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for number, each in enumerate(statements):
        match = _PARTITION.fullmatch(each.text)
        if match and match[3] != _DEFAULT:
            members[match[2]].append(number)
    return list(_rewrite(statements, {p: own for p, own in members.items() if len(own) > few}))


def _rewrite(statements: Sequence[Statement], members: dict[str, list[int]]) -> Iterator[Statement]:
    copies: dict[str, list[str]] = {}
    copy_of: dict[int, str] = {}
    for number, each in enumerate(statements):
        match = PARTITIONED.fullmatch(each.text)
        if match and match[1] in members:
            parent, own = match[1], members[match[1]]
            size = isqrt(len(own)) + 1
            copies[parent] = [_copy_name(parent, each, n) for n in range(-(-len(own) // size))]
            copy_of |= {m: copies[parent][n // size] for n, m in enumerate(own)}
            yield each
            for copy in copies[parent]:
                text = f"CREATE TABLE {copy} {each.text.removeprefix(f'CREATE TABLE {parent} ')}"
                yield replace(each, text=text)
            continue
        partition = _PARTITION.fullmatch(each.text)
        if partition is None or number not in copy_of:
            yield each
            continue
        yield replace(each, text=f"{partition[1]}{copy_of[number]} {partition[3]}")
        if number == members[partition[2]][-1]:
            yield replace(each, text=_adopt(partition[2], copies[partition[2]]))


def _copy_name(parent: str, statement: Statement, number: int) -> str:
    """Return a name in the parent's schema, which no other parent's copy has."""
    match = _SCHEMA.match(parent)
    schema = match[0] if match else ""
    return f'{schema}."pgcutover {statement.line} {number}"'


def _adopt(parent: str, copies: Sequence[str]) -> str:
    return _ADOPT.format(
        parent=f"{_literal(parent)}::regclass",
        copies=f"array[{', '.join(map(_literal, copies))}]::regclass[]",
        dropped=", ".join(copies),
    ).strip()


def _literal(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"
