"""Parser of table mappings for the local DMS; the checks have their own and never share this one.

AWS DMS user guide, "Selection rules and actions", "Wildcards in table mapping", "Transformation
rules and actions" and "Table and collection settings rules". A rule that is not implemented is
refused when the task is created: ignoring it would move other rows than AWS does.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pgcutover.awslocal.http.aws_errors import DmsFault, invalid

Name = tuple[str, str]
_KINDS = ("selection", "transformation", "table-settings")
_PLAIN_RENAMES: dict[str, Callable[[str, str], str]] = {
    "rename": lambda old, value: value,
    "convert-lowercase": lambda old, value: old.lower(),
    "convert-uppercase": lambda old, value: old.upper(),
    "add-prefix": lambda old, value: value + old,
    "add-suffix": lambda old, value: old + value,
    "remove-prefix": lambda old, value: old.removeprefix(value),
    "remove-suffix": lambda old, value: old.removesuffix(value),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection rule: includes or excludes tables."""

    action: str
    schema: str
    table: str
    load_order: int

    def hits(self, name: Name) -> bool:
        """Return whether the rule matches this table."""
        if self.action == "explicit":
            return (self.schema, self.table) == name
        return matches_pattern(self.schema, name[0]) and matches_pattern(self.table, name[1])


@dataclass(frozen=True, slots=True)
class Transformation:
    """A transformation rule: renames an object or removes a column."""

    rule_id: str
    target: str
    action: str
    schema: str
    table: str
    column: str
    value: str
    old_value: str

    def hits(self, name: Name, column: str = "") -> bool:
        """Return whether the rule matches this table or column."""
        there = matches_pattern(self.schema, name[0]) and matches_pattern(self.table, name[1])
        return there and (self.target != "column" or matches_pattern(self.column, column))

    def renamed(self, old: str) -> str:
        """Return the new name of the object named `old`."""
        if self.action in _PLAIN_RENAMES:
            return _PLAIN_RENAMES[self.action](old, self.value)
        if self.action == "replace-prefix" and old.startswith(self.old_value):
            return self.value + old[len(self.old_value) :]
        if self.action == "replace-suffix" and old.endswith(self.old_value):
            return old[: len(old) - len(self.old_value)] + self.value
        return old


@dataclass(frozen=True, slots=True)
class LobSetting:
    """A table's LOB settings; a limit of None means unlimited."""

    schema: str
    table: str
    limit_kilobytes: int | None


@dataclass(frozen=True, slots=True)
class Routes:
    """All rules of a task."""

    selections: tuple[Selection, ...]
    transformations: tuple[Transformation, ...]
    lobs: tuple[LobSetting, ...]

    def selects(self, name: Name) -> bool:
        """Return whether the table is in scope; an exclusion overrides all inclusions."""
        actions = {s.action for s in self.selections if s.hits(name)}
        return bool(actions) and "exclude" not in actions

    def load_order(self, name: Name) -> int:
        """Return the table's load order; higher values load first."""
        return max((s.load_order for s in self.selections if s.hits(name)), default=0)

    def target(self, name: Name) -> Name:
        """Return the table's qualified name on the target."""
        return self._new("schema", name, name[0]), self._new("table", name, name[1])

    def column(self, name: Name, column: str) -> str | None:
        """Return the column's name on the target, or None if a rule removes it."""
        for rule in self.transformations:
            if rule.action == "remove-column" and rule.hits(name, column):
                return None
        return self._new("column", name, column, column)

    def lob_limit(self, name: Name, default: int | None) -> int | None:
        """Return the maximum size of a LOB in kilobytes, or None without a limit."""
        for lob in self.lobs:
            if matches_pattern(lob.schema, name[0]) and matches_pattern(lob.table, name[1]):
                return lob.limit_kilobytes
        return default

    def _new(self, target: str, name: Name, old: str, column: str = "") -> str:
        rules = [
            rule
            for rule in self.transformations
            if rule.target == target and rule.action != "remove-column" and rule.hits(name, column)
        ]
        if len(rules) > 1:
            raise _fault(rules[1].rule_id, f"it and rule {rules[0].rule_id} change one {target}")
        return rules[0].renamed(old) if rules else old


@lru_cache(maxsize=4096)
def _wildcard(pattern: str) -> re.Pattern[str]:
    out, at = [], 0
    while at < len(pattern):
        end = pattern.find("]", at + 2) if pattern[at] == "[" else -1
        if end > 0:
            out.append(_character_set(pattern[at + 1 : end]))
            at = end
        else:
            out.append({"%": ".*", "_": "."}.get(pattern[at]) or re.escape(pattern[at]))
        at += 1
    return re.compile("".join(out), re.DOTALL)


def _character_set(body: str) -> str:
    ranges = re.findall(r".-.|.", body, re.DOTALL)
    safe = (f"{re.escape(r[0])}-{re.escape(r[2])}" if len(r) == 3 else re.escape(r) for r in ranges)
    return f"[{''.join(safe)}]"


def matches_pattern(pattern: str, name: str) -> bool:
    """Return whether a name matches a pattern with DMS's wildcards: % _ [ab] [a-d]."""
    return bool(_wildcard(pattern).fullmatch(name))


def parse(text: str) -> Routes:
    """Parse a TableMappings document; DmsFault names the rule that cannot be used."""
    try:
        rules = json.loads(text)["rules"]
    except (ValueError, TypeError, KeyError):
        raise invalid('Invalid table mappings: expected a JSON object {"rules": [...]}.') from None
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise invalid("Invalid table mappings: rules must be a list of objects.")
    _require_identity(rules)
    routes = Routes(
        tuple(_selection(r) for r in rules if r["rule-type"] == "selection"),
        tuple(_transformation(r) for r in rules if r["rule-type"] == "transformation"),
        tuple(_lob_settings(rules)),
    )
    if all(selection.action == "exclude" for selection in routes.selections):
        raise invalid("Error in mapping rules. At least one selection rule must include a table.")
    return routes


def _require_identity(rules: Sequence[dict[str, Any]]) -> None:
    for member in ("rule-id", "rule-name"):
        seen: set[str] = set()
        for rule in rules:
            value = str(rule.get(member, ""))
            if not value or (member == "rule-id" and not value.isdigit()):
                raise _fault(rule.get("rule-id"), f"{member} {value!r} is missing or not valid")
            if value in seen:
                raise _fault(rule["rule-id"], f"{member} {value!r} is not unique")
            seen.add(value)
    for rule in rules:
        if rule.get("rule-type") not in _KINDS:
            raise _fault(rule["rule-id"], f"rule-type {rule.get('rule-type')!r} is not implemented")


def _fault(rule_id: object, reason: str) -> DmsFault:
    return invalid(
        f"Error in mapping rules. Rule with ruleId = {rule_id} failed validation: {reason}."
    )


def _known(rule: dict[str, Any], *members: str) -> None:
    common = {"rule-type", "rule-id", "rule-name", "object-locator", "rule-action"}
    strange = sorted(set(rule) - common - set(members))
    if strange:
        raise _fault(rule["rule-id"], f"{', '.join(strange)} is not implemented")


def _locator(rule: dict[str, Any], needed: int) -> tuple[str, str, str]:
    locator = rule.get("object-locator")
    if not isinstance(locator, dict):
        raise _fault(rule["rule-id"], "object-locator is missing")
    parts = ("schema-name", "table-name", "column-name")
    if set(locator) - {*parts, "table-type"} or locator.get("table-type", "table") != "table":
        raise _fault(rule["rule-id"], "its object-locator asks for more than plain tables")
    for part in parts[:needed]:
        if not isinstance(locator.get(part), str) or not locator[part]:
            raise _fault(rule["rule-id"], f"object-locator needs {part}")
    schema, table, column = (str(locator.get(part, "%")) for part in parts)
    return schema, table, column


def _selection(rule: dict[str, Any]) -> Selection:
    _known(rule, "filters", "load-order")
    action = rule.get("rule-action")
    if action not in ("include", "exclude", "explicit"):
        raise _fault(rule["rule-id"], f"rule-action {action!r} is not include, exclude, explicit")
    if rule.get("filters"):
        raise _fault(rule["rule-id"], "filters are not implemented")
    schema, table, _ = _locator(rule, 2)
    if action == "explicit" and "%" in schema + table:
        raise _fault(rule["rule-id"], "an explicit rule takes no wildcards")
    order = str(rule.get("load-order", 0))
    if not order.isdigit():
        raise _fault(rule["rule-id"], f"load-order {order!r} is not a number")
    return Selection(action, schema, table, int(order))


def _transformation(rule: dict[str, Any]) -> Transformation:
    _known(rule, "rule-target", "value", "old-value")
    target, action = rule.get("rule-target"), str(rule.get("rule-action"))
    if target not in ("schema", "table", "column"):
        raise _fault(rule["rule-id"], f"rule-target {target!r} is not implemented")
    replacing = action in ("replace-prefix", "replace-suffix")
    removing = action == "remove-column" and target == "column"
    if action not in _PLAIN_RENAMES and not replacing and not removing:
        raise _fault(rule["rule-id"], f"rule-action {action!r} of a {target} is not implemented")
    if not (removing or action.startswith("convert-")):
        _require_text(rule, "value")
    if replacing:
        _require_text(rule, "old-value")
    place = _locator(rule, {"schema": 1, "table": 2, "column": 3}[target])
    value, old = str(rule.get("value") or ""), str(rule.get("old-value") or "")
    return Transformation(str(rule["rule-id"]), target, action, *place, value, old)


def _require_text(rule: dict[str, Any], member: str) -> None:
    if not isinstance(rule.get(member), str) or not rule[member]:
        raise _fault(rule["rule-id"], f"{rule.get('rule-action')} needs {member}")


def _lob_settings(rules: Sequence[dict[str, Any]]) -> Iterator[LobSetting]:
    for rule in rules:
        if rule["rule-type"] == "table-settings":
            _known(rule, "lob-settings", "parallel-load")
            if (rule.get("parallel-load") or {}).get("type", "none") != "none":
                raise _fault(rule["rule-id"], "parallel-load is not implemented")
            if rule.get("lob-settings"):
                schema, table, _ = _locator(rule, 2)
                yield LobSetting(schema, table, _lob_limit(rule, rule["lob-settings"]))


def _lob_limit(rule: dict[str, Any], setting: dict[str, Any]) -> int | None:
    if setting.get("mode") == "unlimited":
        return None
    size = str(setting.get("bulk-max-size", ""))
    if setting.get("mode") != "limited" or not size.isdigit() or size == "0":
        raise _fault(rule["rule-id"], "lob-settings need mode unlimited, or limited with a size")
    return int(size)
