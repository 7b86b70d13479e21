"""DMS table-mapping rules, the one source of truth for which table goes where.

Selection and transformation rules as in the AWS DMS user guide ("Selection rules and actions",
"Transformation rules and actions", "Wildcards in table mapping"). What we do not understand is an
error: a rule that is ignored would let the checks and the mover disagree on scope.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgcutover.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class RelationName:
    """A schema-qualified relation."""

    schema: str
    name: str

    def __str__(self) -> str:
        """`schema.name`, as reports show it; not quoted, so never for SQL."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, repr=False)
class MappedTable:
    """A table of the source, its name on the target, and (source, target) column names."""

    source: RelationName
    target: RelationName
    columns: tuple[tuple[str, str], ...]
    removed_columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The table's name on the target, which is its identity in reports."""
        return str(self.target)

    __repr__ = __str__

    def target_column(self, source_column: str) -> str:
        """The target's name of a source column; KeyError where the rules remove it."""
        return dict(self.columns)[source_column]


def parse_rules(document: object, where: str) -> "MappingRules":
    """The rules of a DMS table-mapping document; ConfigError names the rule that is wrong."""
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        raise ConfigError(f'{where}: expected an object {{"rules": [...]}} as DMS takes it')
    rules = [_rule(rule, f"{where}: rule {n}") for n, rule in enumerate(document["rules"], 1)]
    selections = tuple(r for r in rules if isinstance(r, _Selection))
    if not any(s.action != "exclude" for s in selections):
        raise ConfigError(f"{where}: no selection rule includes anything; add one")
    return MappingRules(selections, tuple(r for r in rules if isinstance(r, _Transformation)))


@dataclass(frozen=True, slots=True)
class _Selection:
    where: str
    action: str
    schema: str
    table: str


@dataclass(frozen=True, slots=True)
class _Transformation:
    where: str
    target: str
    action: str
    schema: str
    table: str
    column: str
    value: str
    old_value: str


@dataclass(frozen=True, slots=True)
class MappingRules:
    """Selection and transformation rules; `resolve` applies them to a source's tables."""

    selections: tuple[_Selection, ...]
    transformations: tuple[_Transformation, ...]

    def resolve(self, tables: Mapping[RelationName, Sequence[str]]) -> tuple[MappedTable, ...]:
        """The selected tables, sorted by target name; ConfigError where a rule has no effect."""
        selected = [name for name in sorted(tables) if self._selects(name)]
        self._refuse_idle(tables, selected)
        self._refuse_merged_schemas(selected)
        mapped = sorted((self._map(n, tables[n]) for n in selected), key=lambda t: t.target)
        _refuse_collisions("tables", ((t.target, str(t.source)) for t in mapped))
        return tuple(mapped)

    def selects(self, name: RelationName) -> bool:
        """Whether a table of the source is in scope."""
        return self._selects(name)

    def mentions(self, name: RelationName) -> bool:
        """Whether any selection rule, including or excluding, decides about a table."""
        return any(_matches(s.schema, s.table, name) for s in self.selections)

    def _selects(self, name: RelationName) -> bool:
        hits = [s.action for s in self.selections if _matches(s.schema, s.table, name)]
        return bool(hits) and "exclude" not in hits

    def _refuse_idle(
        self, tables: Mapping[RelationName, Sequence[str]], selected: list[RelationName]
    ) -> None:
        for rule in self.selections:
            if rule.action != "exclude" and not any(
                _matches(rule.schema, rule.table, name) for name in tables
            ):
                raise ConfigError(
                    f"{rule.where} selects {rule.schema}.{rule.table}, which the source does not "
                    "have (or this role cannot see); correct the name or remove the rule"
                )
        for change in self.transformations:
            if not any(_touches(change, name, tables[name]) for name in selected):
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
        kept = [c for c in columns if self._keeps(name, c)]
        pairs = tuple((c, self._renamed("column", name, c)) for c in kept)
        _refuse_collisions(f"columns of {name}", ((new, old) for old, new in pairs))
        return MappedTable(name, target, pairs, tuple(c for c in columns if c not in kept))

    def _renamed(self, kind: str, name: RelationName, column: str = "") -> str:
        rules = self._renaming(kind, name, column)
        if len(rules) > 1:
            raise ConfigError(
                f"{rules[1].where} and {rules[0].where} both rename the same {kind} of {name}"
                f"{'.' + column if column else ''}; DMS allows one action an object"
            )
        old = {"schema": name.schema, "table": name.name, "column": column}[kind]
        return _RENAMES[rules[0].action](old, rules[0]) if rules else old

    def _renaming(self, kind: str, name: RelationName, column: str = "") -> list[_Transformation]:
        return [
            t
            for t in self.transformations
            if t.target == kind and t.action in _RENAMES and _touches(t, name, [column])
        ]

    def _keeps(self, name: RelationName, column: str) -> bool:
        return not any(
            t.action == "remove-column" and _touches(t, name, [column])
            for t in self.transformations
        )


_RENAMES: dict[str, Callable[[str, _Transformation], str]] = {
    "rename": lambda old, rule: rule.value,
    "convert-lowercase": lambda old, rule: old.lower(),
    "convert-uppercase": lambda old, rule: old.upper(),
    "add-prefix": lambda old, rule: rule.value + old,
    "remove-prefix": lambda old, rule: old.removeprefix(rule.value),
    "replace-prefix": lambda old, rule: _swap_prefix(old, rule.old_value, rule.value),
    "add-suffix": lambda old, rule: old + rule.value,
    "remove-suffix": lambda old, rule: old.removesuffix(rule.value),
    "replace-suffix": lambda old, rule: _swap_prefix(
        old[::-1], rule.old_value[::-1], rule.value[::-1]
    )[::-1],
}


def _swap_prefix(name: str, old: str, new: str) -> str:
    return new + name.removeprefix(old) if name.startswith(old) else name


def _rule(raw: object, where: str) -> "_Selection | _Transformation | None":
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: expected an object, found {type(raw).__name__}")
    where = f"{where} ({raw.get('rule-name') or raw.get('rule-id') or 'unnamed'})"
    kind = raw.get("rule-type")
    if kind == "selection":
        return _selection(raw, where)
    if kind == "transformation":
        return _transformation(raw, where)
    if kind == "table-settings":  # how DMS loads, not what: names and rows stay the same
        return None
    raise ConfigError(
        f"{where}: rule-type {kind!r} is not understood; expected selection, transformation "
        "or table-settings"
    )


def _selection(raw: Mapping[str, Any], where: str) -> _Selection:
    action = raw.get("rule-action")
    if action not in ("include", "exclude", "explicit"):
        raise ConfigError(f"{where}: rule-action {action!r}; expected include, exclude, explicit")
    if raw.get("filters"):
        raise ConfigError(
            f"{where}: filters would leave rows behind that no check could miss; remove them"
        )
    locator = _locator(raw, where, "schema-name", "table-name")
    if locator.get("table-type", "table") != "table":
        raise ConfigError(f"{where}: table-type {locator['table-type']!r}; only tables have rows")
    return _Selection(where, action, locator["schema-name"], locator["table-name"])


def _transformation(raw: Mapping[str, Any], where: str) -> _Transformation:
    target, action = raw.get("rule-target"), raw.get("rule-action")
    if target not in ("schema", "table", "column"):
        raise ConfigError(f"{where}: rule-target {target!r}; expected schema, table or column")
    if action not in _RENAMES and not (action == "remove-column" and target == "column"):
        raise ConfigError(
            f"{where}: rule-action {action!r} of a {target} is not understood; "
            f"expected one of {', '.join([*_RENAMES, 'remove-column'])}"
        )
    needed = {"schema": 1, "table": 2, "column": 3}[target]
    locator = _locator(raw, where, *("schema-name", "table-name", "column-name")[:needed])
    value, old_value = _values(raw, where, action)
    return _Transformation(
        where,
        target,
        action,
        locator["schema-name"],
        locator.get("table-name", "%"),
        locator.get("column-name", "%"),
        value,
        old_value,
    )


def _values(raw: Mapping[str, Any], where: str, action: str) -> tuple[str, str]:
    value, old = raw.get("value"), raw.get("old-value")
    if action in ("remove-column", "convert-lowercase", "convert-uppercase"):
        return "", ""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}: {action} needs a value, a text that is not empty")
    if action.startswith("replace-") and not (isinstance(old, str) and old):
        raise ConfigError(f"{where}: {action} needs an old-value, a text that is not empty")
    return value, old if isinstance(old, str) else ""


def _locator(raw: Mapping[str, Any], where: str, *needed: str) -> Mapping[str, str]:
    locator = raw.get("object-locator")
    if not isinstance(locator, Mapping):
        raise ConfigError(f"{where}: object-locator is missing")
    for key in needed:
        if not isinstance(locator.get(key), str) or not locator[key]:
            raise ConfigError(f"{where}: object-locator needs {key!r}, a text that is not empty")
    return locator


def _touches(rule: _Transformation, name: RelationName, columns: Iterable[str]) -> bool:
    if not _matches(rule.schema, rule.table, name):
        return False
    return rule.target != "column" or any(_like(rule.column, column) for column in columns)


def _matches(schema: str, table: str, name: RelationName) -> bool:
    return _like(schema, name.schema) and _like(table, name.name)


def _like(pattern: str, name: str) -> bool:
    return pattern == name or bool(_regex(pattern).fullmatch(name))


@functools.lru_cache(maxsize=10_000)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\[[^\]]+\]|.", pattern, re.DOTALL)
    return re.compile("".join(_regex_part(part) for part in parts), re.DOTALL)


def _regex_part(part: str) -> str:
    if part == "%":
        return ".*"
    if part == "_":
        return "."
    if len(part) > 1:
        negated = part[1] == "!"
        return f"[{'^' if negated else ''}{re.escape(part[2 if negated else 1 : -1])}]"
    return re.escape(part)


def _refuse_collisions(what: str, pairs: Iterable[tuple[object, str]]) -> None:
    seen: dict[object, str] = {}
    for new, old in pairs:
        if new in seen:
            raise ConfigError(
                f"{what}: {seen[new]} and {old} both become {new}; DMS cannot merge them, "
                "correct the transformation rules"
            )
        seen[new] = old
