"""Databases on both sides that hold only tables made by the test."""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from compare.exact.examples import EXTENSIONS, USER_TYPES
from compare.lab import KEY_HASHES, Lab, rule, rules, run
from support.servers import Pair, fresh_databases

from pgcutover.compare import Comparer
from pgcutover.mapping import MappedTable

_KEYS = 1_000  # more rows than any table of these tests
ALL_OF_IT = [rule(1, "selection", "include", "app", "%")]


@contextmanager
def bench(pair: Pair, *more: str) -> Iterator[Lab]:
    """Yield two databases with all extensions, the user-defined types, and the tables of `more`."""
    with fresh_databases(pair) as made:
        lab = Lab(made.source, made.target, rules=rules(ALL_OF_IT), recent={})
        # the oids of types and tables differ between real clusters
        run(lab.target, *(f"create type public.shift{n} as (a int)" for n in range(3)))
        for dsn in (lab.source, lab.target):
            run(dsn, *(f"create extension {name} schema public cascade" for name in EXTENSIONS))
            run(dsn, *USER_TYPES, *more)
        yield lab


Found = list[tuple[str, int, set[int | str]]]


def found(comparer: Comparer, table: MappedTable) -> Found:
    """Return the kind, the count and the keys of each finding; an unknown key stays a hash."""
    key_hash = KEY_HASHES.of_table(str(table))
    keys = {key_hash(_digest(n)): n for n in range(_KEYS)}
    return [
        (f.kind, f.evidence["count"], {keys.get(h, h) for h in f.evidence["key_hashes"]})
        for f in comparer.rows(table).findings()
    ]


def changed(ids: Collection[int]) -> Found:
    """Return what `found` returns if exactly the rows with these keys differ; at most 20."""
    return [("rows changed", len(ids), set(ids))] if ids else []


def _digest(key: int) -> bytes:
    return hashlib.sha256(f"{len(str(key))}:{key};".encode()).digest()
