"""Applies the mapping rules to the tables of a source."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcutover.errors import ConfigError
from pgcutover.mapping import wildcards
from pgcutover.mapping.model import LeftOut, MappedTable, RelationName
from pgcutover.mapping.renames import RENAMES, rename

Tables = Mapping[RelationName, Sequence[str]]
# the partitions that hold rows, each with its parents below the table, by table
Partitions = Mapping[RelationName, Sequence[tuple[RelationName, ...]]]


@dataclass(frozen=True, slots=True)
class Selection:
    """A rule that includes or excludes tables."""

    where: str
    action: str
    schema: str
    table: str

    def matches(self, name: RelationName) -> bool:
        """Tell if the rule applies to a table; `explicit` takes names as they are written."""
        if self.action == "explicit":
            return (self.schema, self.table) == (name.schema, name.name)
        return _matches(self.schema, self.table, name)


@dataclass(frozen=True, slots=True)
class Transformation:
    """A rule that changes the name of a schema, table or column, or removes a column."""

    where: str
    target: str
    action: str
    schema: str
    table: str
    column: str
    value: str
    old_value: str

    def matches(self, name: RelationName, columns: Iterable[str]) -> bool:
        """Tell if the rule applies to a table, or to one of these columns of it."""
        if not _matches(self.schema, self.table, name):
            return False
        return self.target != "column" or any(
            wildcards.matches(self.column, column) for column in columns
        )


@dataclass(frozen=True, slots=True)
class MappingRules:
    """Selection and transformation rules; `resolve` applies them to a source's tables."""

    selections: tuple[Selection, ...]
    transformations: tuple[Transformation, ...]

    def resolve(
        self, tables: Tables, partitions: Partitions | None = None
    ) -> tuple[MappedTable, ...]:
        """Return the selected tables by target name; ConfigError where a rule has no effect.

        AWS DMS lists partitions as tables. A partitioned table whose partitions are all selected
        by name is mapped as if it were selected itself: its rows are theirs.
        """
        parts = {root: of for root, of in (partitions or {}).items() if root in tables}
        chosen = [name for name in sorted(tables) if self.selects(name)]
        by_partition = {
            root: found
            for root, of in parts.items()
            if root not in chosen and (found := self._selected_partitions(root, of))
        }
        self._refuse_rules_without_effect(tables, parts, [*chosen, *by_partition])
        self._refuse_merged_schemas([*chosen, *by_partition])
        mapped = [self._map(name, tables[name]) for name in chosen]
        mapped += [self._map_parts(r, tables[r], found) for r, found in by_partition.items()]
        mapped.sort(key=lambda table: table.target)
        _refuse_collisions("tables", ((t.target, str(t.source)) for t in mapped))
        return tuple(mapped)

    def selects(self, name: RelationName) -> bool:
        """Tell if a table of the source is in scope."""
        actions = [s.action for s in self.selections if s.matches(name)]
        return bool(actions) and "exclude" not in actions

    def mentions(self, name: RelationName) -> bool:
        """Tell if any selection rule, including or excluding, applies to a table."""
        return any(s.matches(name) for s in self.selections)

    def left_out(
        self, tables: Iterable[RelationName], mapped: Iterable[MappedTable]
    ) -> tuple[LeftOut, ...]:
        """Return the tables that a rule excludes, and the columns that a rule removes."""
        moved = {table.source: table for table in mapped}
        found = []
        for name in sorted(tables):
            if name not in moved:
                found += self._excluded(name)
        for table in moved.values():
            found += [self._removed(table, column) for column in table.removed_columns]
        return tuple(found)

    def _excluded(self, name: RelationName) -> list[LeftOut]:
        rules = [s.where for s in self.selections if s.action == "exclude" and s.matches(name)]
        return [LeftOut(str(name), None, f"not moved: excluded by {where}") for where in rules[:1]]

    def _removed(self, table: MappedTable, column: str) -> LeftOut:
        names = table.partitions or (table.source,)
        where = next(r.where for r in self.transformations if _removes(r, names[0], column))
        return LeftOut(str(table), column, f"not moved: removed by {where}")

    def _selected_partitions(
        self, root: RelationName, leaves: Sequence[tuple[RelationName, ...]]
    ) -> tuple[RelationName, ...]:
        """Return the partitions through which a table's rows move; ConfigError if some do not."""
        found: dict[RelationName, None] = {}
        missing = []
        for path in leaves:
            selected = [name for name in path if self.selects(name)]
            found.update(dict.fromkeys(selected[:1]))
            if not selected:
                missing.append(path[-1])
        if found and missing:
            raise ConfigError(
                f"the mapping rules select partition {next(iter(found))} of {root}, but not "
                f"{_shown(missing)}; partitions are compared as rows of their table, so select all "
                "partitions, or none"
            )
        return tuple(found)

    def _refuse_rules_without_effect(
        self, tables: Tables, partitions: Partitions, chosen: Sequence[RelationName]
    ) -> None:
        of_partitions = {
            name: tables[root] for root, of in partitions.items() for path in of for name in path
        }
        known = [*tables, *of_partitions]
        for rule in self.selections:
            if rule.action != "exclude" and not any(rule.matches(name) for name in known):
                raise ConfigError(
                    f"{rule.where} selects {rule.schema}.{rule.table}, which the source does not "
                    "have (or this role cannot see); correct the name or remove the rule"
                )
        moved = {name: tables[name] for name in chosen}
        moved |= {name: columns for name, columns in of_partitions.items() if self.selects(name)}
        for change in self.transformations:
            if not any(change.matches(name, columns) for name, columns in moved.items()):
                raise ConfigError(
                    f"{change.where} ({change.action} of {change.target}) matches nothing that is "
                    "selected and so has no effect; correct its object-locator or remove it"
                )

    def _refuse_merged_schemas(self, selected: list[RelationName]) -> None:
        """Types, functions and sequences of two schemas would meet; tables can be told apart."""
        whole: dict[str, str] = {}
        for name in selected:
            rules = self._renaming("schema", name)
            if not rules or rules[0].table == "%":
                whole[name.schema] = self._renamed("schema", name)
        by_target: dict[str, str] = {}
        for source, target in whole.items():
            other = by_target.setdefault(target, source)
            if other != source:
                raise ConfigError(
                    f"schemas {other} and {source} of the source both become {target}; expected "
                    "each to have a name of its own, because their types, functions and sequences "
                    "would meet under one; rename one of them otherwise, or move tables one by "
                    "one (an object-locator with their table-name)"
                )

    def _map(self, name: RelationName, columns: Sequence[str]) -> MappedTable:
        target = RelationName(self._renamed("schema", name), self._renamed("table", name))
        kept = [c for c in columns if not self._is_removed(name, c)]
        pairs = tuple((c, self._renamed("column", name, c)) for c in kept)
        _refuse_collisions(f"columns of {name}", ((new, old) for old, new in pairs))
        return MappedTable(name, target, pairs, tuple(c for c in columns if c not in kept))

    def _map_parts(
        self, root: RelationName, columns: Sequence[str], parts: tuple[RelationName, ...]
    ) -> MappedTable:
        """Map a partitioned table as its partitions are mapped, which must agree."""
        mapped = [self._map(part, columns) for part in parts]
        name = self._renamed("table", root)
        tables = {
            replace(each, source=root, target=RelationName(each.target.schema, name))
            for each in mapped
        }
        if len(tables) > 1:
            raise ConfigError(
                f"the transformation rules move partitions of {root} to different schemas, or "
                "change their columns differently; expected the same for all, because partitions "
                "are compared as rows of their table"
            )
        return replace(tables.pop(), partitions=parts)

    def _renamed(self, kind: str, name: RelationName, column: str = "") -> str:
        rules = self._renaming(kind, name, column)
        if len(rules) > 1:
            raise ConfigError(
                f"{rules[1].where} and {rules[0].where} both rename the same {kind} of {name}"
                f"{'.' + column if column else ''}; DMS allows one action an object"
            )
        old = {"schema": name.schema, "table": name.name, "column": column}[kind]
        if not rules:
            return old
        return rename(rules[0].action, old, rules[0].value, rules[0].old_value)

    def _renaming(self, kind: str, name: RelationName, column: str = "") -> list[Transformation]:
        return [
            t
            for t in self.transformations
            if t.target == kind and t.action in RENAMES and t.matches(name, [column])
        ]

    def _is_removed(self, name: RelationName, column: str) -> bool:
        return any(_removes(t, name, column) for t in self.transformations)


def _shown(names: Sequence[RelationName]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else str(names[0])


def _removes(rule: Transformation, name: RelationName, column: str) -> bool:
    return rule.action == "remove-column" and rule.matches(name, [column])


def _matches(schema: str, table: str, name: RelationName) -> bool:
    return wildcards.matches(schema, name.schema) and wildcards.matches(table, name.name)


def _refuse_collisions(what: str, pairs: Iterable[tuple[object, str]]) -> None:
    seen: dict[object, str] = {}
    for new, old in pairs:
        if new in seen:
            raise ConfigError(
                f"{what}: {seen[new]} and {old} both become {new}; DMS cannot merge them, "
                "correct the transformation rules"
            )
        seen[new] = old
