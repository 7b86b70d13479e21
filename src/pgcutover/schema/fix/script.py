"""SQL that makes a target as expected: printed for people, never run."""

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter

from pgcutover.schema.compare import CHANGED, EXTRA, MISSING, Difference, Property
from pgcutover.schema.fix.after_create import completion, completions, left_out
from pgcutover.schema.fix.dependency_order import needed_first
from pgcutover.schema.fix.objects import changes, secret_options
from pgcutover.schema.fix.sql_names import (
    CONSTRAINTS,
    RELATIONS,
    ROUTINES,
    MustRecreate,
    drop,
    impossible,
    subjects,
)
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.severity import Severity

# what others are made of first; the rest in the order in which it is read
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
_NOT_MADE = ("server_setting", "database", "large_object", "collation_version",
             "database_collation_version", "database_grant")  # fmt: skip
_OF_THE_SERVER = ("system_cast", "system_routine", "system_text_search_configuration",
                  "system_text_search_dictionary")  # fmt: skip
# whoever makes one of these gives everybody a right to it
_PUBLIC = (*ROUTINES, "enum", "domain", "composite", "range", "base_type", "language")


@dataclass(frozen=True, slots=True)
class FixScript:
    """Statements for differences from the expected snapshot."""

    expected: Snapshot

    def script(self, differences: Iterable[Difference]) -> list[str]:
        """Return each line once, in an order that runs.

        The statement that drops an unexpected object is a comment, for people to decide.
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
        """All statements, without semicolons, with what they are for, in an order that runs.

        What stands in the way of others goes first; what nothing explains otherwise goes last.
        """
        differences = list(differences)
        missing = {d.object.name for d in differences if d.change == MISSING}
        steps: list[tuple[int, int, Difference, str]] = []
        for each in self._with_what_follows(list(_regrouped(differences))):
            place = _ORDER.index(each.object.kind)
            away, completed = drop(each.found or each.object), list(completions(each.object))
            for statement in self.statements(each, missing):
                if each.change == EXTRA:
                    steps.append((0 if _stands_in_the_way(each) else 3, -place, each, statement))
                elif statement == away:
                    steps.append((1, -place, each, statement))
                else:
                    later = max(place, _LATER) if statement in completed else place
                    steps.append((2, later, each, statement))
        steps.sort(key=itemgetter(0, 1))
        made = needed_first([step[2:] for step in steps if step[0] == 2])
        return [
            *(step[2:] for step in steps if step[0] < 2),
            *made,
            *(step[2:] for step in steps if step[0] > 2),
        ]

    def statements(self, difference: Difference, missing: Collection[str] = ()) -> list[str]:
        """Statements for one object alone; a line with `--` where none would do."""
        thing = difference.object
        if thing.kind in _OF_THE_SERVER:
            return [impossible(difference, "is the server's own and can only be altered by hand")]
        if difference.change == EXTRA:
            if thing.kind in _NOT_MADE or thing.kind == "owner":
                return [impossible(difference, "nothing can be dropped here")]
            return list(filter(None, [drop(thing)]))
        if difference.change == MISSING:
            return list(self._made(difference, thing, missing))
        try:
            return changes(difference)
        except MustRecreate:
            if not thing.definition or left_out(thing):
                return [
                    impossible(difference, "must be created again, with all that depends on it")
                ]
            away = drop(difference.found or thing)
            return [*filter(None, [away]), *self._made(difference, thing, missing)]

    def _made(
        self, difference: Difference, thing: SchemaObject, missing: Collection[str]
    ) -> Iterator[str]:
        if thing.kind == "storage":
            yield from completions(thing)
            return
        if thing.kind == "index" and thing.facts.get("constraint"):
            return  # its constraint makes it
        if thing.kind == "sequence" and not thing.definition:
            return  # its identity column makes it
        if not thing.definition:
            yield impossible(difference, "comes with another object, or not by SQL")
            return
        yield thing.definition.removesuffix(f" owned by {thing.facts.get('owned_by')}")
        yield from completions(thing)
        if names := ", ".join(left_out(thing)).replace("_", " "):
            yield impossible(difference, f"these must be added by hand: {names}")
        if thing.kind == "column" and self._stands_before_others(thing, missing):
            yield impossible(difference, "it will be the last, because columns cannot be moved")
        if thing.facts.get("option_names"):
            yield impossible(difference, secret_options(thing))
        if thing.kind in _PUBLIC and not self._has_public(thing):
            yield f"revoke all on {_granted(thing)} {thing.name} from public"

    def _with_what_follows(self, differences: list[Difference]) -> Iterator[Difference]:
        """Also what is gone with a missing object, or goes when one is created again."""
        told = {d.object.identity for d in differences}
        following = self._following()
        waiting = deque(sorted(differences, key=_column_order))
        while waiting:
            each = waiting.popleft()
            yield each
            if each.change == EXTRA or not (each.change == MISSING or _is_anew(each)):
                continue
            thing = each.object
            about = [s for s in subjects(thing) if s in following]
            held = following.get(thing.name, ()) if thing.kind in RELATIONS else ()
            for other in (*held, *(o for s in about for o in following[s])):
                if other.identity not in told and (follows := _follower(other)) is not None:
                    told.add(other.identity)
                    waiting.append(follows)

    def _following(self) -> dict[str, list[SchemaObject]]:
        """Objects by the relation they belong to, rights and comments by what they are about."""
        found: dict[str, list[SchemaObject]] = {}
        for each in self.expected.objects:
            if each.table:
                found.setdefault(each.table, []).append(each)
            if each.kind in _LAST:
                about = each.name.rpartition(" to ")[0] if each.kind == "grant" else each.name
                found.setdefault(about, []).append(each)
        return found

    def _stands_before_others(self, column: SchemaObject, missing: Collection[str]) -> bool:
        places = [
            int(str(o.facts["position"]))
            for o in self.expected.of_kind("column").values()
            if o.table == column.table and o.name not in missing
        ]
        return int(str(column.facts["position"])) < max(places, default=0)

    def _has_public(self, thing: SchemaObject) -> bool:
        grants = self.expected.of_kind("grant")
        return any(f"{about} to public" in grants for about in subjects(thing))


def _regrouped(differences: Iterable[Difference]) -> Iterator[Difference]:
    """A table that should be a partition, or the other way round, is there and keeps its rows."""
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
    kept = (d for d in known if d.object.table not in anew or not _is_shape(d))
    yield from map(partial(_with_columns, known), kept)


def _is_shape(difference: Difference) -> bool:
    """Whether it is a view's column that comes with the view's query."""
    names = {p.name for p in difference.properties}
    return difference.object.kind == "column" and names <= {"type", "collation", "position"}


def _with_columns(known: list[Difference], view: Difference) -> Difference:
    """A view whose columns differ: it cannot be replaced where it stands."""
    if view.change != CHANGED or view.object.kind != "view":
        return view
    columns = (d for d in known if d.object.kind == "column")
    if not any(d.object.table == view.object.name for d in columns):
        return view
    return replace(view, properties=(*view.properties, Property("columns", None, None)))


def _column_order(difference: Difference) -> int:
    """Columns are added behind each other."""
    return int(str(difference.object.facts.get("position") or 0))


def _follower(thing: SchemaObject) -> Difference | None:
    """What must be done for an object of one that is made: some come with it, all or in part."""
    comes_with_it = thing.kind == "column" or (
        thing.kind == "index" and bool(thing.facts.get("constraint"))
    )
    if comes_with_it or not thing.definition:
        return completion(thing)
    return Difference(MISSING, Severity.BLOCK, thing, None)


def _granted(thing: SchemaObject) -> str:
    return "routine" if thing.kind in ROUTINES else subjects(thing)[-1].partition(" ")[0]


def _is_anew(difference: Difference) -> bool:
    try:
        changes(difference)
    except MustRecreate:
        return True
    return False


def _stands_in_the_way(difference: Difference) -> bool:
    """Whether what is expected may need its name or its place."""
    return difference.object.kind in (*CONSTRAINTS, "index", "trigger", "rule", "policy", "grant")
