"""Objects of the source that the scratch server cannot create.

A scratch server that lacks an extension or a language cannot create it, nor any object that uses
it. The expected schema takes these objects from the source's catalogs, so that the target is
compared with the source directly, and everything else with the expected schema.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from pgcutover.connect import open_session
from pgcutover.errors import ProvisionError, UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.snapshot import collect_snapshot, quoted

# undefined_file, feature_not_supported, invalid_parameter_value, undefined_object,
# undefined_function, undefined_table, undefined_column, invalid_schema_name
TOLERATED = ("58P01", "0A000", "22023", "42704", "42883", "42P01", "42703", "3F000")
_RELATIONS = ("table", "partition", "foreign_table", "view", "materialized_view", "sequence")
_VIEWS = ("view", "materialized_view")
_SHOWN = 5
_MAINTAIN_SINCE = 170000
_OWNERS = ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"]


@dataclass(frozen=True, slots=True)
class NotCreated:
    """Objects as the source has them, and the first reason for which one was not created."""

    objects: tuple[SchemaObject, ...] = ()
    cause: str = ""
    same_major: bool = True

    @property
    def relations(self) -> dict[str, str]:
        """Names of relations, which are the same on both sides."""
        return {o.name: o.name for o in self.objects if o.kind in _RELATIONS}

    def added_to(self, expected: Snapshot, remedy: str) -> Snapshot:
        """Return the expected schema with these objects.

        Two majors print one query differently. Views are then not compared, and the reason says so.
        """
        known = {o.identity for o in expected.objects}
        objects = [o for o in self.objects if o.identity not in known]
        unread = dict(expected.unread)
        for kind in () if self.same_major else _VIEWS:
            if names := [o.name for o in objects if o.kind == kind]:
                unread[kind] = (
                    f"{_first(names)} cannot be created on the scratch server ({self.cause}), and "
                    f"two majors print queries differently; {remedy}"
                )
        return replace(expected, objects=(*expected.objects, *objects), unread=unread)


def find_not_created(
    scratch_dsn: str,
    source_dsn: str,
    tables: Sequence[MappedTable],
    refused: Sequence[ProvisionError],
    remedy: str,
    say: Callable[[str], None],
    locked: Collection[str] = (),
) -> NotCreated:
    """Compare the scratch database with the source, right after the dump has run.

    `locked` are relations, quoted, that the dump lacks because they are locked.

    UnreadableError where the mapping renames an object that was not created.
    """
    if not refused:
        return NotCreated()
    with open_session(scratch_dsn) as scratch, open_session(source_dsn) as source:
        created, found = collect_snapshot(scratch, KINDS), collect_snapshot(source, KINDS)
        renamed = [t.source for t in tables if t.source != t.target or _renames(t)]
        names = quoted(source, renamed)
        moved = {t.source.schema for t in tables if t.source.schema != t.target.schema}
        schemas = quoted(source, [RelationName(schema, "") for schema in sorted(moved)])
    known = {o.identity for o in created.objects}
    # privileges on system objects differ between majors by themselves
    objects = [
        o
        for o in found.objects
        if o.identity not in known
        and o.kind != "system_grant"
        and {o.name, o.table, o.facts.get("referenced_table")}.isdisjoint(locked)
    ]
    if not objects:
        return NotCreated()
    cause = str(refused[0])
    prefixes = tuple(name.removesuffix('""') for name in schemas)
    _refuse_renamed(
        [o.name for o in objects if {o.name, o.table} & set(names) or o.name.startswith(prefixes)],
        cause,
        remedy,
    )
    said = [f"{o.kind.replace('_', ' ')} {o.name}" for o in objects]
    say(
        f"the scratch server could not create {_first(said)}; compared with the source instead: "
        f"{cause}"
    )
    if found.server_version < _MAINTAIN_SINCE <= created.server_version:
        objects = [_with_maintain(o) for o in objects]
    majors = {s.server_version // 10_000 for s in (created, found)}
    return NotCreated(tuple(objects), cause, len(majors) == 1)


def _with_maintain(each: SchemaObject) -> SchemaObject:
    """Add the privilege that an owner with all privileges has since 17."""
    if each.kind == "grant" and each.facts["privileges"] == _OWNERS:
        return replace(each, facts={**each.facts, "privileges": sorted([*_OWNERS, "MAINTAIN"])})
    return each


def _renames(table: MappedTable) -> bool:
    return any(source != target for source, target in table.columns)


def _refuse_renamed(names: Sequence[str], cause: str, remedy: str) -> None:
    if names:
        raise UnreadableError(
            f"the scratch server could not create {_first(names)}, which the mapping "
            f"renames: {cause}; {remedy}"
        )


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
