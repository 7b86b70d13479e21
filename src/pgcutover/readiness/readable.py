"""Checks that the gate's roles may read every row and column of a table. Pure."""

from collections.abc import Collection

from pgcutover.catalog import Manifest
from pgcutover.catalog.model import Relation
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName


def refuse_unreadable(manifest: Manifest, table: MappedTable, excluded: Collection[str]) -> None:
    """UnreadableError with the missing grant where a role may not read the table on its side.

    Columns that are not compared, which are called `excluded` on the target, may be unreadable.
    """
    left_out = {s for s, t in table.columns if t in excluded} | set(table.removed_columns)
    source = manifest.source_catalog.relation(table.source)
    _refuse_side(table, "source", table.source, source, left_out)
    target = manifest.target_catalog.relation(table.target)
    _refuse_side(table, "target", table.target, target, excluded)


def _refuse_side(
    table: MappedTable,
    side: str,
    name: RelationName,
    relation: Relation | None,
    left_out: Collection[str],
) -> None:
    if relation is None:
        raise UnreadableError(f"{table}: the {side} has no table {name}; see SCHEMA-COLUMNS")
    if not relation.reachable:
        raise UnreadableError(
            f"{table}: the {side}'s role has no usage privilege on schema {name.schema}; "
            f"grant usage on schema {name.schema}"
        )
    hidden = [c.name for c in relation.columns if not (c.readable or c.name in left_out)]
    if hidden:
        raise UnreadableError(
            f"{table}: the {side}'s role may not read {name} ({', '.join(hidden)}); "
            f"grant select on {name}"
        )
    if relation.filtered:
        raise UnreadableError(
            f"{table}: row-level security hides rows of {name} from the {side}'s role; "
            "give that role bypassrls"
        )
