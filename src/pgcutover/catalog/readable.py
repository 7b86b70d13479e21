"""Checks that the gate's roles may read every row and column of a table. Pure."""

from collections.abc import Collection

from pgcutover.catalog.manifest import Manifest
from pgcutover.catalog.model import ForeignKey, Relation
from pgcutover.error_texts.database_errors import quote_name
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName


def refuse_absent(manifest: Manifest, table: MappedTable) -> None:
    """UnreadableError where a side lacks the table."""
    sides = (
        ("source", table.source, manifest.source_catalog),
        ("target", table.target, manifest.target_catalog),
    )
    for side, name, catalog in sides:
        if catalog.relation(name) is None:
            raise UnreadableError(f"{table}: the {side} has no table {name}; see SCHEMA-COLUMNS")


def refuse_unreadable(manifest: Manifest, table: MappedTable, excluded: Collection[str]) -> None:
    """UnreadableError with the missing grants where a role may not read the table on its side.

    Columns that are not compared, which are called `excluded` on the target, may be unreadable.
    """
    left_out = {s for s, t in table.columns if t in excluded} | set(table.removed_columns)
    _refuse_side(manifest, "source", table.source, left_out)
    _refuse_side(manifest, "target", table.target, excluded)


def refuse_unreadable_key(manifest: Manifest, key: ForeignKey) -> None:
    """UnreadableError where the target's role may not read the columns of a foreign key."""
    for name, columns in ((key.table, key.columns), (key.referenced, key.referenced_columns)):
        relation = manifest.target_catalog.relation(name)
        others = [c.name for c in relation.columns if c.name not in columns] if relation else []
        _refuse_side(manifest, "target", name, others)


def _refuse_side(
    manifest: Manifest, side: str, name: RelationName, left_out: Collection[str]
) -> None:
    catalog = manifest.source_catalog if side == "source" else manifest.target_catalog
    facts = manifest.source if side == "source" else manifest.target
    relation = catalog.relation(name)
    if relation is None:
        return
    hidden = [c.name for c in relation.columns if not (c.readable or c.name in left_out)]
    grants = _missing_grants(name, relation, hidden, facts.role)
    if grants:
        is_part = any(c.readable for c in relation.columns)
        columns = f" ({', '.join(hidden)})" if hidden and is_part else ""
        raise UnreadableError(
            f"{name}: role {facts.role} may not read it{columns} on the {side}; run there: "
            + " ".join(grants)
        )
    if relation.filtered:
        raise UnreadableError(
            f"{name}: row-level security hides rows from role {facts.role} on the {side}; run "
            f"there: alter role {facts.role} bypassrls;"
        )


def _missing_grants(
    name: RelationName, relation: Relation, hidden: Collection[str], role: str
) -> list[str]:
    schema, table = quote_name(name.schema), quote_name(name.schema, name.name)
    grants = [] if relation.reachable else [f"grant usage on schema {schema} to {role};"]
    return grants + ([f"grant select on {table} to {role};"] if hidden else [])
