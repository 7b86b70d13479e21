"""SQL that makes the target match the expected schema; printed, never run."""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter

from pgcutover.schema.compare import CHANGED, EXTRA, MISSING, Difference, Property
from pgcutover.schema.fix.after_create import list_settings, list_unsupported, setting_statements
from pgcutover.schema.fix.dependency_order import sort_by_dependency
from pgcutover.schema.fix.objects import changes, secret_options
from pgcutover.schema.fix.sql_names import (
    CONSTRAINTS,
    RELATIONS,
    ROUTINES,
    MustRecreate,
    drop,
    identities,
    impossible,
)
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.severity import Severity

# dependencies first; the other kinds in the order in which their queries run
_FIRST = (
    "role", "tablespace", "schema", "extension", "enum", "sequence", "composite",
    "range", "collation", "text_search_parser", "text_search_template", "text_search_dictionary",
    "text_search_configuration", "foreign_data_wrapper", "foreign_server", "user_mapping",
    "function", "language", "domain", "table", "partition", "foreign_table", "column", "check",
    "primary_key", "unique", "exclusion", "view", "materialized_view", "index", "foreign_key",
)  # fmt: skip
_LAST = ("owner", "default_privilege", "grant", "comment", "security_label")
_KINDS = [kind.name for kind in (*KINDS, *CLUSTER_KINDS)]
_ORDER = [*_FIRST, *(k for k in _KINDS if k not in (*_FIRST, *_LAST)), *_LAST]
_LATER = _ORDER.index("index") + 1
_NOT_CREATED = ("server_setting", "database", "large_object", "collation_version",
             "database_collation_version", "database_grant")  # fmt: skip
_BUILT_IN = ("system_cast", "system_routine", "system_text_search_configuration",
                  "system_text_search_dictionary")  # fmt: skip
# PostgreSQL grants PUBLIC a privilege on these when they are created
_PUBLIC = (*ROUTINES, "enum", "domain", "composite", "range", "base_type", "language")


@dataclass(frozen=True, slots=True)
class FixScript:
    """Statements for differences from the expected snapshot."""

    expected: Snapshot

    def script(self, differences: Iterable[Difference]) -> list[str]:
        """Return each line once, in an order that runs.

        DROP statements for unexpected objects are comments, because they may destroy data.
        """
        lines = []
        for each, statement in self.plan(differences):
            mark = "-- " if each.change == EXTRA and not statement.startswith("--") else ""
            end = "" if statement.startswith("--") else ";"
            lines.append(
                mark + (re.sub(r"\r\n?|\n", "\n-- ", statement) if mark else statement) + end
            )
        return list(dict.fromkeys(lines))

    def plan(self, differences: Iterable[Difference]) -> list[tuple[Difference, str]]:
        """Return each statement with its difference, without semicolons, in an order that runs.

        Objects whose names or rules may conflict are dropped first, other unexpected ones last.
        """
        differences = list(differences)
        missing = {d.object.name for d in differences if d.change == MISSING}
        steps: list[tuple[int, int, Difference, str]] = []
        for each in self._with_dependents(list(_merge_attached(differences))):
            place = _ORDER.index(each.object.kind)
            away, completed = drop(each.found or each.object), list(setting_statements(each.object))
            for statement in self.statements(each, missing):
                if each.change == EXTRA:
                    steps.append((0 if _may_conflict(each) else 3, -place, each, statement))
                elif statement == away:
                    steps.append((1, -place, each, statement))
                else:
                    later = max(place, _LATER) if statement in completed else place
                    steps.append((2, later, each, statement))
        steps.sort(key=itemgetter(0, 1))
        made = sort_by_dependency([step[2:] for step in steps if step[0] == 2])
        return [
            *(step[2:] for step in steps if step[0] < 2),
            *made,
            *(step[2:] for step in steps if step[0] > 2),
        ]

    def statements(self, difference: Difference, missing: Collection[str] = ()) -> list[str]:
        """Return the statements for one object; a line with `--` if no statement can fix it."""
        thing = difference.object
        if thing.kind in _BUILT_IN:
            return [impossible(difference, "is built in and can only be altered by hand")]
        if difference.change == EXTRA:
            if thing.kind in _NOT_CREATED or thing.kind == "owner":
                return [impossible(difference, "there is nothing to drop")]
            return list(filter(None, [drop(thing)]))
        if difference.change == MISSING:
            return list(self._create(difference, thing, missing))
        try:
            return changes(difference)
        except MustRecreate:
            if not thing.definition or list_unsupported(thing):
                return [
                    impossible(difference, "must be created again, with all that depends on it")
                ]
            away = drop(difference.found or thing)
            return [*filter(None, [away]), *self._create(difference, thing, missing)]

    def _create(
        self, difference: Difference, thing: SchemaObject, missing: Collection[str]
    ) -> Iterator[str]:
        if thing.kind == "storage":
            yield from setting_statements(thing)
            return
        if thing.kind == "index" and thing.facts.get("constraint"):
            return  # created by its constraint
        if thing.kind == "sequence" and not thing.definition:
            return  # created by its identity column
        if not thing.definition:
            yield impossible(difference, "another object creates it, or no SQL does")
            return
        yield thing.definition.removesuffix(f" owned by {thing.facts.get('owned_by')}")
        yield from setting_statements(thing)
        if names := ", ".join(list_unsupported(thing)).replace("_", " "):
            yield impossible(difference, f"these must be added by hand: {names}")
        if thing.kind == "column" and self._precedes_columns(thing, missing):
            yield impossible(difference, "it becomes the last column: columns cannot be reordered")
        if thing.facts.get("option_names"):
            yield impossible(difference, secret_options(thing))
        if thing.kind in _PUBLIC and not self._has_public(thing):
            yield f"revoke all on {_grant_object(thing)} {thing.name} from public"

    def _with_dependents(self, differences: list[Difference]) -> Iterator[Difference]:
        """Yield the differences, and the dependent objects that must be created with them."""
        seen = {d.object.identity for d in differences}
        following = self._group_dependents()
        waiting = deque(sorted(differences, key=_column_order))
        while waiting:
            each = waiting.popleft()
            yield each
            if each.change == EXTRA or not (each.change == MISSING or _must_recreate(each)):
                continue
            thing = each.object
            about = [s for s in identities(thing) if s in following]
            held = following.get(thing.name, ()) if thing.kind in RELATIONS else ()
            for other in (*held, *(o for s in about for o in following[s])):
                if (
                    other.identity not in seen
                    and (follows := _dependent_difference(other)) is not None
                ):
                    seen.add(other.identity)
                    waiting.append(follows)

    def _group_dependents(self) -> dict[str, list[SchemaObject]]:
        """Return objects by their relation; owners, grants and comments by the object they name."""
        found: dict[str, list[SchemaObject]] = {}
        for each in self.expected.objects:
            if each.table:
                found.setdefault(each.table, []).append(each)
            if each.kind in _LAST:
                about = each.name.rpartition(" to ")[0] if each.kind == "grant" else each.name
                found.setdefault(about, []).append(each)
        return found

    def _precedes_columns(self, column: SchemaObject, missing: Collection[str]) -> bool:
        places = [
            int(str(o.facts["position"]))
            for o in self.expected.of_kind("column").values()
            if o.table == column.table and o.name not in missing
        ]
        return int(str(column.facts["position"])) < max(places, default=0)

    def _has_public(self, thing: SchemaObject) -> bool:
        grants = self.expected.of_kind("grant")
        return any(f"{about} to public" in grants for about in identities(thing))


def _merge_attached(differences: Iterable[Difference]) -> Iterator[Difference]:
    """Merge a missing partition and an extra table of one name, or the reverse, into one change.

    Attaching or detaching the relation keeps its rows; creating it again would lose them.
    """
    known = list(differences)
    for one, other in (("partition", "table"), ("table", "partition")):
        extra = {d.object.name: d for d in known if d.change == EXTRA and d.object.kind == other}
        for each in known:
            if each.change == MISSING and each.object.kind == one and each.object.name in extra:
                there = extra[each.object.name]
                known = [
                    d
                    for d in known
                    if d not in (each, there)
                    and not (d.change == EXTRA and d.object.table == each.object.name)
                ]
                yield replace(each, change=CHANGED, found=there.object)
    anew = {d.object.name for d in known if d.object.kind in ("view", "materialized_view")}
    kept = (d for d in known if d.object.table not in anew or not _is_view_column(d))
    yield from map(partial(_with_changed_columns, known), kept)


def _is_view_column(difference: Difference) -> bool:
    """Return whether this is a view's column, which the view's query defines."""
    names = {p.name for p in difference.properties}
    return difference.object.kind == "column" and names <= {"type", "collation", "position"}


def _with_changed_columns(known: list[Difference], view: Difference) -> Difference:
    """Mark a view whose columns differ: CREATE OR REPLACE VIEW cannot change them."""
    if view.change != CHANGED or view.object.kind != "view":
        return view
    columns = (d for d in known if d.object.kind == "column")
    if not any(d.object.table == view.object.name for d in columns):
        return view
    return replace(view, properties=(*view.properties, Property("columns", None, None)))


def _column_order(difference: Difference) -> int:
    """Return a column's position, because columns are added at the end."""
    return int(str(difference.object.facts.get("position") or 0))


def _dependent_difference(thing: SchemaObject) -> Difference | None:
    """Return what to create of a dependent object; only settings if its parent creates it."""
    comes_with_it = thing.kind == "column" or (
        thing.kind == "index" and bool(thing.facts.get("constraint"))
    )
    if comes_with_it or not thing.definition:
        return list_settings(thing)
    return Difference(MISSING, Severity.BLOCK, thing, None)


def _grant_object(thing: SchemaObject) -> str:
    return "routine" if thing.kind in ROUTINES else identities(thing)[-1].partition(" ")[0]


def _must_recreate(difference: Difference) -> bool:
    try:
        changes(difference)
    except MustRecreate:
        return True
    return False


def _may_conflict(difference: Difference) -> bool:
    """Return whether the object may conflict with one that is still to be created."""
    return difference.object.kind in (*CONSTRAINTS, "index", "trigger", "rule", "policy", "grant")
