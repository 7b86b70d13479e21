"""Reads a table-mapping document of AWS DMS.

Selection, transformation and table-settings rules as in the DMS user guide. A rule that is not
supported is an error that names the remedy: a rule that is ignored would let the checks and the
mover disagree on which data moves.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from pgcutover.errors import ConfigError
from pgcutover.mapping.renames import RENAMES
from pgcutover.mapping.rules import MappingRules, Selection, Transformation

_COMMON = ("rule-type", "rule-id", "rule-name", "rule-action", "object-locator")
_KEYS = {
    "selection": (*_COMMON, "filters", "load-order"),
    "transformation": (*_COMMON, "rule-target", "value", "old-value"),
    "table-settings": (*_COMMON, "parallel-load", "lob-settings"),
}
_OTHER_TARGETS = "it has an effect only on targets that are not PostgreSQL; remove it"
_ELSEWHERE = {"object-mapping": _OTHER_TARGETS, "post-processing": _OTHER_TARGETS}
_BY_SCRIPT = (
    "make that change in a script of pre-load, where the gate compares it, and remove the rule"
)
_MASKED = (
    "the values on the target would differ from the source's on purpose; mask them on the target "
    "after the cutover, or move the column's table without it (remove-column)"
)
_UNSUPPORTED = {
    "add-column": "add the column, with a default or a generated expression, " + _BY_SCRIPT,
    "change-data-type": "DMS converts values to the type that the column has on the target; "
    + _BY_SCRIPT,
    "define-primary-key": _BY_SCRIPT,
    "include-column": "name the columns that do not move in rules with remove-column instead",
    "add-before-image-columns": _OTHER_TARGETS,
    "data-masking-digits-mask": _MASKED,
    "data-masking-digits-randomize": _MASKED,
    "data-masking-hash-mask": _MASKED,
}
_LOCATOR = {
    "schema": ("schema-name",),
    "table": ("schema-name", "table-name"),
    "column": ("schema-name", "table-name", "column-name"),
}
_WITHOUT_VALUE = ("remove-column", "convert-lowercase", "convert-uppercase")


def parse_rules(document: object, where: str) -> MappingRules:
    """Return the rules of a document; ConfigError names the rule that is wrong."""
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        raise ConfigError(f'{where}: expected an object {{"rules": [...]}} as DMS takes it')
    rules = [_rule(rule, f"{where}: rule {n}") for n, rule in enumerate(document["rules"], 1)]
    selections = tuple(r for r in rules if isinstance(r, Selection))
    if not any(s.action != "exclude" for s in selections):
        raise ConfigError(f"{where}: no selection rule includes anything; add one")
    return MappingRules(selections, tuple(r for r in rules if isinstance(r, Transformation)))


def _rule(raw: object, where: str) -> Selection | Transformation | None:
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: expected an object, found {type(raw).__name__}")
    where = f"{where} ({_name_of(raw)})"
    kind = raw.get("rule-type")
    if remedy := _ELSEWHERE.get(str(kind)):
        raise ConfigError(f"{where}: rule-type {kind!r} is not supported: {remedy}")
    if kind == "selection":
        return _selection(raw, where)
    if kind == "transformation":
        return _transformation(raw, where)
    if kind == "table-settings":  # they decide how DMS loads, not which names and rows
        _refuse_unknown_keys(raw, _KEYS["table-settings"], where)
        return None
    raise ConfigError(
        f"{where}: unknown rule-type {kind!r}; expected selection, transformation or table-settings"
    )


def _name_of(raw: Mapping[str, Any]) -> str:
    """Return the name of a rule as the document gives it; the number before it is its place."""
    for key in ("rule-name", "rule-id"):
        if raw.get(key):
            return f"{key} {raw[key]}"
    return "without rule-name"


def _selection(raw: Mapping[str, Any], where: str) -> Selection:
    _refuse_unknown_keys(raw, _KEYS["selection"], where)
    action = raw.get("rule-action")
    if action not in ("include", "exclude", "explicit"):
        raise ConfigError(f"{where}: rule-action {action!r}; expected include, exclude, explicit")
    if raw.get("filters"):
        raise ConfigError(
            f"{where}: filters are not supported: rows that a filter leaves on the source cannot "
            "be told from lost rows, and DMS applies a filter to a row's first values only; move "
            "all rows, and delete the others on the target after the cutover"
        )
    locator = _locator(raw, where, ("schema-name", "table-name"), ("table-type",))
    if locator.get("table-type", "table") != "table":
        raise ConfigError(
            f"{where}: table-type {locator['table-type']!r} is not supported: DMS would copy a "
            'view\'s rows into a table; use "table", and create the views by a script'
        )
    schema, table = locator["schema-name"], locator["table-name"]
    if action == "explicit" and "%" in schema + table:
        raise ConfigError(
            f"{where}: explicit selects one table, so its object-locator takes no wildcard; name "
            "the table, or use include"
        )
    return Selection(where, action, schema, table)


def _transformation(raw: Mapping[str, Any], where: str) -> Transformation:
    target, action = raw.get("rule-target"), raw.get("rule-action")
    if target in ("table-tablespace", "index-tablespace"):
        raise ConfigError(f"{where}: rule-target {target!r} is for Oracle only; remove the rule")
    if target not in _LOCATOR:
        raise ConfigError(f"{where}: rule-target {target!r}; expected schema, table or column")
    if remedy := _UNSUPPORTED.get(str(action)):
        raise ConfigError(f"{where}: rule-action {action!r} is not supported: {remedy}")
    if action not in RENAMES and not (action == "remove-column" and target == "column"):
        raise ConfigError(
            f"{where}: unknown rule-action {action!r} of a {target}; expected one of "
            f"{', '.join([*RENAMES, 'remove-column'])}"
        )
    _refuse_unknown_keys(raw, _KEYS["transformation"], where)
    # DMS lets a rule for a schema name a table, and one for a table name a column
    locator = _locator(raw, where, _LOCATOR[target], _LOCATOR["column"])
    value, old_value = _values(raw, where, action)
    return Transformation(
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
    if action in _WITHOUT_VALUE:
        return "", ""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}: {action} needs a value, a text that is not empty")
    if action.startswith("replace-") and not (isinstance(old, str) and old):
        raise ConfigError(f"{where}: {action} needs an old-value, a text that is not empty")
    return value, old if isinstance(old, str) else ""


def _locator(
    raw: Mapping[str, Any], where: str, required: Collection[str], optional: Collection[str]
) -> Mapping[str, str]:
    locator = raw.get("object-locator")
    if not isinstance(locator, Mapping):
        raise ConfigError(f"{where}: object-locator is missing")
    _refuse_unknown_keys(locator, {*required, *optional}, f"{where}: object-locator")
    for key in required:
        if not isinstance(locator.get(key), str) or not locator[key]:
            raise ConfigError(f"{where}: object-locator needs {key!r}, a text that is not empty")
    return locator


def _refuse_unknown_keys(raw: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in raw:
        if key not in known:
            close = difflib.get_close_matches(str(key), sorted(known), 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
            raise ConfigError(f"{where}: unknown key {key!r}; {hint}")
