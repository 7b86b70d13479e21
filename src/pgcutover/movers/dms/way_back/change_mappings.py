"""Table mappings of a task that carries changes from the target back to the source.

The forward rules use wildcards and prefixes that have no inverse, so each table is selected by its
name. A partitioned table is captured by its partitions: test_decoding names them, not the table.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from pgcutover.catalog import Manifest
from pgcutover.mapping import MappedTable, RelationName

Rule = dict[str, object]
Partitions = Mapping[RelationName, Sequence[RelationName]]


def inverted_rules(manifest: Manifest, partitions: Partitions) -> dict[str, list[Rule]]:
    """Return a mapping document; `partitions` are those of the target's partitioned tables."""
    bodies = [body for table in manifest.tables for body in _of_table(manifest, table, partitions)]
    numbered = [
        {**body, "rule-id": str(n), "rule-name": str(n)} for n, body in enumerate(bodies, 1)
    ]
    return {"rules": numbered}


def lost_columns(manifest: Manifest) -> list[str]:
    """Return the columns of the source that the way back cannot fill."""
    return [f"{t.source}.{name}" for t in manifest.tables for name in t.removed_columns]


def _of_table(manifest: Manifest, table: MappedTable, partitions: Partitions) -> Iterator[Rule]:
    found = manifest.target_catalog.relation(table.target)
    known = {new: old for old, new in table.columns}
    columns = [column.name for column in found.columns] if found else list(known)
    for relation in partitions.get(table.target, (table.target,)):
        yield {
            "rule-type": "selection",
            "rule-action": "explicit",
            "object-locator": {"schema-name": relation.schema, "table-name": relation.name},
        }
        yield from _renames(relation, table.source)
        for column in columns:
            if column not in known:
                yield _transformation(relation, "remove-column", column=column)
            elif known[column] != column:
                yield _transformation(relation, "rename", known[column], column=column)


def _renames(relation: RelationName, wanted: RelationName) -> Iterator[Rule]:
    if relation.schema != wanted.schema:
        yield _transformation(relation, "rename", wanted.schema, target="schema")
    if relation.name != wanted.name:
        yield _transformation(relation, "rename", wanted.name, target="table")


def _transformation(
    relation: RelationName, action: str, value: str = "", *, target: str = "", column: str = ""
) -> Rule:
    locator = {"schema-name": _exactly(relation.schema), "table-name": _exactly(relation.name)}
    if column:
        locator["column-name"] = _exactly(column)
    return {
        "rule-type": "transformation",
        "rule-target": target or "column",
        "rule-action": action,
        "object-locator": locator,
        **({"value": value} if value else {}),
    }


def _exactly(name: str) -> str:
    """Return a pattern that matches only the name: `_` and `%` are wildcards outside brackets."""
    return re.sub(r"[%_]", lambda wildcard: f"[{wildcard[0]}]", name)
