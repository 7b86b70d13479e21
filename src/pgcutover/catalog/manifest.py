"""The manifest: both catalogs and the mapping between them, taken once by the controller."""

import functools
import json
import types
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from pgcutover.catalog.model import ForeignKey, Index
from pgcutover.catalog.partitions import read_partitions
from pgcutover.catalog.read import Connection, SideCatalog, read_side
from pgcutover.config.differences import DeclaredDifference
from pgcutover.connect import ServerFacts, server_facts
from pgcutover.errors import ConfigError
from pgcutover.mapping import LeftOut, MappedTable, MappingRules, RelationName
from pgcutover.sides import fetch_both


@dataclass(frozen=True, slots=True, repr=False)
class ExpectedIndex:
    """An index that the target must have, under the name it must have there.

    `source` is None for a declared addition, and `table` too where the target lacks the index.
    """

    name: str
    table: MappedTable | None
    source: Index | None

    def __str__(self) -> str:
        """The index's name on the target, which is its identity in reports."""
        return self.name

    __repr__ = __str__


@dataclass(frozen=True, slots=True, repr=False)
class ExpectedForeignKey:
    """A foreign key that the target must have, as `schema.table.constraint`."""

    name: str
    table: MappedTable | None
    source: ForeignKey | None

    def __str__(self) -> str:
        """The key's name on the target, which is its identity in reports."""
        return self.name

    __repr__ = __str__


@dataclass(frozen=True)
class Manifest:
    """Both sides as they were when the run began.

    Without slots, because what is looked up often is kept.
    """

    source: ServerFacts
    target: ServerFacts
    tables: tuple[MappedTable, ...]
    source_catalog: SideCatalog
    target_catalog: SideCatalog
    undecided_tables: tuple[RelationName, ...] = ()
    declared: tuple[DeclaredDifference, ...] = ()
    recent_columns: tuple[tuple[str, str], ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def kinds(self) -> dict[str, tuple[Any, ...]]:
        """What checks are parametrized over: the kind, as they ask for it, and its objects."""
        recent = dict(self.recent_columns)
        return {
            "table": self.tables,
            "recent_table": tuple(t for t in self.tables if str(t.target) in recent),
            "index": self.expected_indexes(),
            "foreign_key": self.expected_foreign_keys(),
        }

    def expected_indexes(self) -> tuple[ExpectedIndex, ...]:
        """Every index of the mapped tables, and every declared addition, sorted by name."""
        tables = {t.source: t for t in self.tables}
        found = [
            ExpectedIndex(f"{tables[i.table].target.schema}.{i.name.name}", tables[i.table], i)
            for i in self.source_catalog.indexes
            if i.table in tables
        ]
        found += [ExpectedIndex(*added) for added in self._added("index", found)]
        return tuple(sorted(found, key=str))

    def expected_foreign_keys(self) -> tuple[ExpectedForeignKey, ...]:
        """Every foreign key of the mapped tables, and every declared addition, sorted."""
        tables = {t.source: t for t in self.tables}
        found = [
            ExpectedForeignKey(f"{tables[k.table].target}.{k.name}", tables[k.table], k)
            for k in self.source_catalog.foreign_keys
            if k.table in tables
        ]
        found += [ExpectedForeignKey(*added) for added in self._added("foreign_key", found)]
        return tuple(sorted(found, key=str))

    def difference(self, kind: str, name: str) -> DeclaredDifference | None:
        """What is declared of one object."""
        return self._declared.get((kind, name))

    def target_table(self, name: str) -> MappedTable | None:
        """The mapped table with that name on the target."""
        return self._by_target.get(name)

    def source_table(self, name: RelationName) -> MappedTable | None:
        """The mapped table with that name on the source."""
        return self._by_source.get(name)

    @functools.cached_property
    def moved_schemas(self) -> dict[str, frozenset[str]]:
        """Where the mapping takes the tables of each of the source's schemas."""
        found: dict[str, set[str]] = {}
        for table in self.tables:
            found.setdefault(table.source.schema, set()).add(table.target.schema)
        return {source: frozenset(targets) for source, targets in found.items()}

    @functools.cached_property
    def _declared(self) -> dict[tuple[str, str], DeclaredDifference]:
        return {(d.kind, d.object): d for d in reversed(self.declared)}

    @functools.cached_property
    def _by_target(self) -> dict[str, MappedTable]:
        return {str(t.target): t for t in self.tables}

    @functools.cached_property
    def _by_source(self) -> dict[RelationName, MappedTable]:
        return {t.source: t for t in self.tables}

    def to_json(self) -> str:
        """The manifest as text, for evidence and for workers."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest that `to_json` wrote."""
        manifest: Manifest = _restore(cls, json.loads(text))
        return manifest

    def _added(
        self, kind: str, known: Sequence[object]
    ) -> list[tuple[str, MappedTable | None, None]]:
        names = {str(k) for k in known}
        return [
            (d.object, self._table_of(d), None)
            for d in self.declared
            if d.kind == kind and d.change == "added" and d.object not in names
        ]

    def _table_of(self, difference: DeclaredDifference) -> MappedTable | None:
        names = [difference.object.rpartition(".")[0]]
        names += [str(i.table) for i in self.target_catalog.indexes if _is(i, difference)]
        return next((t for n in names if (t := self.target_table(n)) is not None), None)


def read_manifest(
    source: Connection,
    target: Connection,
    rules: MappingRules,
    *,
    declared: Sequence[DeclaredDifference] = (),
    recent_columns: Mapping[str, str] | None = None,
) -> Manifest:
    """Both catalogs, each in its session's snapshot; ConfigError where no table is in scope."""
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
        tuple(declared),
        tuple(sorted(recent.items())),
        rules.left_out(names, tables),
    )


def mapped_tables(rules: MappingRules, source: Connection) -> tuple[MappedTable, ...]:
    """The tables of a source that the rules select; ConfigError where there is none."""
    return _resolve(rules, read_side(source, "source"), source)


def is_movers_own(name: RelationName) -> bool:
    """Whether a table is one that DMS keeps for itself: a control table, or captured DDL."""
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
    """ConfigError where dots in names make two objects read the same: `a.b`.`c` and `a`.`b.c`."""
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
                f"two {kind} of the target both read {twins[0]!r} once dots join their parts, so "
                "results could not be told apart; rename one of them"
            )


def _is(index: Index, difference: DeclaredDifference) -> bool:
    return str(index.name) == difference.object


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(cls)
    return tuple((f.name, hints[f.name]) for f in fields(cls))


def _restore(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return hint(**{name: _restore(kind, value[name]) for name, kind in _fields(hint)})
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [a for a in args if a is not type(None)]
        return None if value is None else _restore(kinds[0], value)
    if origin is tuple:
        kinds = [args[0]] * len(value) if args[-1] is ... else list(args)
        return tuple(_restore(k, v) for k, v in zip(kinds, value, strict=True))
    return value
