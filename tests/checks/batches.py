"""Group faults of different tables into batches that share one lab.

The lab has copies of the tables with the most faults; a fault of such a table alone can be applied
to a copy.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from faultlist.model import Fault

COPIES = {"kv": 3, "typed": 5}
"""The tables in copies, and how many there are of each."""

_TABLE = re.compile(r"\b(?:app|core|sales|outside|ops|public)\.\w+")


def copies_sql(schema: str) -> str:
    """Return the statements that make the copies in a schema."""
    return "".join(
        f"create table {schema}.{table}_copy{n} (like {schema}.{table} including all);"
        f"insert into {schema}.{table}_copy{n} select * from {schema}.{table};"
        for table, count in COPIES.items()
        for n in range(1, count + 1)
    )


def batches(faults: Sequence[Fault]) -> list[tuple[Fault, ...]]:
    """Return the faults in batches; no two faults of a batch change the same table."""
    made: list[tuple[list[Fault], set[str]]] = []
    for fault in faults:
        if not _add(made, fault):
            made.append(([fault], set() if fault.alone else _tables(fault)))
    return [tuple(batch) for batch, _ in made]


def _add(made: list[tuple[list[Fault], set[str]]], fault: Fault) -> bool:
    for batch, taken in made if not fault.alone else ():
        for alike in _on_each_copy(fault):
            tables = _tables(alike)
            if tables and taken and taken.isdisjoint(tables):
                batch.append(alike)
                taken |= tables
                return True
    return False


def _on_each_copy(fault: Fault) -> Iterator[Fault]:
    """Return the fault, and the same one on the copies of its table."""
    yield fault
    for table, count in COPIES.items():
        if _tables(fault) <= {f"app.{table}", f"core.{table}"}:
            yield from (_renamed(fault, table, f"{table}_copy{n}") for n in range(1, count + 1))


def _renamed(fault: Fault, old: str, new: str) -> Fault:
    name = re.compile(rf"\b(app|core)\.{old}\b")

    def rename(text: str) -> str:
        return name.sub(rf"\1.{new}", text)

    return replace(
        fault,
        source=rename(fault.source),
        target=rename(fault.target),
        red=frozenset(map(rename, fault.red)),
        unknown=frozenset(map(rename, fault.unknown)),
        says=tuple(map(rename, fault.says)),
    )


def _tables(fault: Fault) -> set[str]:
    """Return the tables, indexes and sequences named by the fault's statements and results."""
    named = {_table_of(identity) for identity in fault.red | fault.unknown}
    return named.union(_TABLE.findall(f"{fault.source} {fault.target}"))


def _table_of(identity: str) -> str:
    """Return the table, or the check's id if the check concerns the whole database."""
    check, name = identity.rstrip("]").split("[", 1)
    return check if name == "*" else ".".join(name.split(".")[:2])
