"""The manifest: both catalogs and the mapping between them, read once by the controller."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from pgcutover.catalog.model import ForeignKey
from pgcutover.catalog.partitions import read_partitions
from pgcutover.catalog.read import SideCatalog, read_side
from pgcutover.connect import Connection, ServerFacts, server_facts
from pgcutover.errors import ConfigError
from pgcutover.mapping import LeftOut, MappedTable, MappingRules, RelationName
from pgcutover.sides import fetch_both


@dataclass(frozen=True, slots=True, repr=False)
class ExpectedIndex:
    """An index that the target must have, under its name there."""

    name: str
    table: MappedTable | None

    def __str__(self) -> str:
        """Return the index's name on the target, which is its identity in reports."""
        return self.name

    __repr__ = __str__


@dataclass(frozen=True, slots=True, repr=False)
class ExpectedForeignKey:
    """A foreign key that the target must have, as `schema.table.constraint`.

    `source` is None for one that a script or a declaration adds.
    """

    name: str
    table: MappedTable | None
    source: ForeignKey | None

    def __str__(self) -> str:
        """Return the key's name on the target, which is its identity in reports."""
        return self.name

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class ExpectedNames:
    """Names of the expected schema's objects, not quoted; each index and key with its table.

    `dropped_columns` are columns of mapped tables that the target need not have.
    """

    indexes: tuple[tuple[str, str], ...] = ()
    foreign_keys: tuple[tuple[str, str], ...] = ()
    dropped_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """Both catalogs at the start of the run, and the mapping between them.

    `expected` is None if there is no expected schema. Without slots, so that lookups are cached.
    """

    source: ServerFacts
    target: ServerFacts
    tables: tuple[MappedTable, ...]
    source_catalog: SideCatalog
    target_catalog: SideCatalog
    undecided_tables: tuple[RelationName, ...] = ()
    expected: ExpectedNames | None = None
    recent_columns: tuple[tuple[str, str], ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def kinds(self) -> dict[str, tuple[Any, ...]]:
        """Return the objects that checks are parametrized over, by kind, as checks name it."""
        recent = dict(self.recent_columns)
        return {
            "table": self.tables,
            "recent_table": tuple(t for t in self.tables if str(t.target) in recent),
            "index": self.expected_indexes(),
            "foreign_key": self.expected_foreign_keys(),
        }

    def expected_indexes(self) -> tuple[ExpectedIndex, ...]:
        """Return the expected indexes of mapped tables, sorted by name.

        Without an expected schema they are the source's, under the names that the mapping gives.
        """
        if self.expected is not None:
            named = self.expected.indexes
        else:
            indexes = self.source_catalog.indexes
            found = ((i, self.source_table(i.table)) for i in indexes)
            named = tuple((f"{t.target.schema}.{i.name.name}", str(t)) for i, t in found if t)
        return tuple(ExpectedIndex(name, self.target_table(t)) for name, t in sorted(set(named)))

    def expected_foreign_keys(self) -> tuple[ExpectedForeignKey, ...]:
        """Return the expected foreign keys of mapped tables, sorted by name."""
        keys = self.source_catalog.foreign_keys
        found = ((k, self.source_table(k.table)) for k in keys)
        of_source = {f"{t}.{k.name}": (k, t) for k, t in found if t}
        named = tuple((name, str(t)) for name, (_, t) in of_source.items())
        if self.expected is not None:
            named = self.expected.foreign_keys
        return tuple(
            ExpectedForeignKey(name, self.target_table(t), of_source.get(name, (None,))[0])
            for name, t in sorted(named)
        )

    def target_table(self, name: str) -> MappedTable | None:
        """Return the mapped table with that name on the target."""
        return self._by_target.get(name)

    def source_table(self, name: RelationName) -> MappedTable | None:
        """Return the mapped table with that name on the source."""
        return self._by_source.get(name)

    @functools.cached_property
    def _by_target(self) -> dict[str, MappedTable]:
        return {str(t.target): t for t in self.tables}

    @functools.cached_property
    def _by_source(self) -> dict[RelationName, MappedTable]:
        return {t.source: t for t in self.tables}

    def to_json(self) -> str:
        """Return the content of manifest.json; docs/manifest.schema.json describes it."""
        return _adapter().dump_json(self, indent=1).decode()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of manifest.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_adapter().json_schema(mode="serialization"),
        "title": "manifest.json",
    }


@functools.cache
def _adapter() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


def read_manifest(
    source: Connection,
    target: Connection,
    rules: MappingRules,
    *,
    recent_columns: Mapping[str, str] | None = None,
) -> Manifest:
    """Read both catalogs; ConfigError if the rules select no table."""
    of_source, of_target = fetch_both(
        lambda: read_side(source, "source"), lambda: read_side(target, "target"), (source, target)
    )
    tables = _resolve(rules, of_source, source)
    moved = {t.source for t in tables}
    names = [r.name for r in of_source.relations if not is_movers_own(r.name)]
    recent = dict(recent_columns or {})
    _refuse_unknown_tables(recent, tables, of_source)
    _refuse_twins(tables, of_target)
    return Manifest(
        server_facts(source),
        server_facts(target),
        tables,
        of_source,
        of_target,
        tuple(n for n in names if n not in moved and not rules.mentions(n)),
        recent_columns=tuple(sorted(recent.items())),
        left_out=rules.left_out(names, tables),
    )


def mapped_tables(rules: MappingRules, source: Connection) -> tuple[MappedTable, ...]:
    """Return the tables of a source that the rules select; ConfigError if there are none."""
    return _resolve(rules, read_side(source, "source"), source)


def is_movers_own(name: RelationName) -> bool:
    """Return whether DMS created the table for itself: a control table, or captured DDL."""
    return name.name.startswith("awsdms_")


def _resolve(
    rules: MappingRules, source: SideCatalog, connection: Connection
) -> tuple[MappedTable, ...]:
    relations = [r for r in source.relations if not is_movers_own(r.name)]
    columns = {r.name: [c.name for c in r.columns] for r in relations}
    tables = rules.resolve(columns, read_partitions(connection))
    if not tables:
        raise ConfigError("the mapping rules select no table of the source; nothing to judge")
    return tables


def _refuse_unknown_tables(
    recent: Mapping[str, str], tables: Sequence[MappedTable], source: SideCatalog
) -> None:
    by_name = {str(t.target): t for t in tables}
    for name, column in recent.items():
        if name not in by_name:
            raise ConfigError(f"tables.{name!r}: no mapped table has that name on the target")
        relation = source.relation(by_name[name].source)
        if relation is None or relation.column(column) is None:
            raise ConfigError(f"tables.{name!r}: the source has no column {column!r} in it")


def _refuse_twins(tables: Sequence[MappedTable], target: SideCatalog) -> None:
    """Raise ConfigError if dots make two names equal: `a.b`.`c` and `a`.`b.c`."""
    of_tables = [t.target for t in tables] + [r.name for r in target.relations]
    kinds: dict[str, list[tuple[str, ...]]] = {
        "tables": [(n.schema, n.name) for n in of_tables],
        "indexes": [(i.name.schema, i.name.name) for i in target.indexes],
        "foreign keys": [(k.table.schema, k.table.name, k.name) for k in target.foreign_keys],
    }
    for kind, names in kinds.items():
        counted = Counter(".".join(name) for name in set(names))
        twins = sorted(text for text, count in counted.items() if count > 1)
        if twins:
            raise ConfigError(
                f"two {kind} of the target are called {twins[0]!r} when dots join their parts, so "
                "that their results could not be told apart; rename one of them"
            )
