"""Databases on both sides that hold nothing but tables of the test's own making."""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from compare.exact.examples import EXTENSIONS, USER_TYPES
from compare.lab import SALT, Lab, rule, rules, run
from support.servers import Pair, fresh_databases

from pgcutover.compare import Comparer
from pgcutover.mapping import MappedTable
from pgcutover.redact import keyed_hash

ALL_OF_IT = [rule(1, "selection", "include", "app", "%")]


@contextmanager
def bench(pair: Pair, *more: str) -> Iterator[Lab]:
    """Two databases with every extension and the users' types, and what `more` makes."""
    with fresh_databases(pair) as made:
        lab = Lab(made.source, made.target, rules=rules(ALL_OF_IT), recent={})
        # the oids of types and tables differ between real clusters
        run(lab.target, *(f"create type public.shift{n} as (a int)" for n in range(3)))
        for dsn in (lab.source, lab.target):
            run(dsn, *(f"create extension {name} schema public cascade" for name in EXTENSIONS))
            run(dsn, *USER_TYPES, *more)
        yield lab


def found(comparer: Comparer, table: MappedTable) -> list[tuple[str, int, set[str]]]:
    """Each finding: its kind, how many rows it counts, and the keyed hashes of their keys."""
    return [
        (f.kind, f.evidence["count"], set(f.evidence["key_hashes"]))
        for f in comparer.rows(table).findings()
    ]


def changed(ids: Collection[int]) -> list[tuple[str, int, set[str]]]:
    """What `found` gives where exactly the rows with these keys differ; at most 20."""
    return [("rows changed", len(ids), {key_hash(n) for n in ids})] if ids else []


def key_hash(key: int) -> str:
    return keyed_hash(SALT, hashlib.sha256(f"{len(str(key))}:{key};".encode()).hexdigest())
