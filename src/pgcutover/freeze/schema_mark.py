"""Marks of a schema: for each catalog, the count and the sum of its rows' xmin.

A new row version has a younger xmin than every older one, so that each change of a definition
changes a count or a sum. Vacuum, ANALYZE and setval() change neither. Two queries of a few
milliseconds, where reading the schema takes seconds.
"""

from collections.abc import Iterator, Mapping

import psycopg

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.schema.explained.own_triggers import NOT_OWN_TRIGGER
from pgcutover.verdict import Finding

_HERE = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')"
_RELATION = f"""join pg_class c on c.oid = {{}} and c.relpersistence <> 't'
join pg_namespace n on n.oid = c.relnamespace and {_HERE}"""
_SCHEMA = f"join pg_namespace n on n.oid = {{}} and {_HERE}"
# pg_class by its properties: a fence's trigger rewrites its table's row
_TABLES = f"""
select 'tables', count(*), sum(hashtext(concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relkind,
       c.relowner, c.relfilenode, c.relacl, c.reloptions, c.relrowsecurity, c.relreplident,
       c.relispartition, c.relpersistence))::bigint)
from pg_class c join pg_namespace n on n.oid = c.relnamespace and {_HERE}
where c.relpersistence <> 't'"""  # noqa: S608 - constants
_CATALOGS = (
    ("columns", "pg_attribute t", _RELATION.format("t.attrelid"), "true"),
    ("defaults", "pg_attrdef t", _RELATION.format("t.adrelid"), "true"),
    ("indexes", "pg_index t", _RELATION.format("t.indrelid"), "true"),
    ("triggers", "pg_trigger t", _RELATION.format("t.tgrelid"), NOT_OWN_TRIGGER),
    ("rules and views", "pg_rewrite t", _RELATION.format("t.ev_class"), "true"),
    ("policies", "pg_policy t", _RELATION.format("t.polrelid"), "true"),
    ("partitions", "pg_inherits t", _RELATION.format("t.inhrelid"), "true"),
    ("sequences", "pg_sequence t", _RELATION.format("t.seqrelid"), "true"),
    ("constraints", "pg_constraint t", _SCHEMA.format("t.connamespace"), "true"),
    ("routines", "pg_proc t", _SCHEMA.format("t.pronamespace"), "true"),
    ("enum labels", "pg_enum t", "join pg_type y on y.oid = t.enumtypid", "true"),
    ("schemas", "pg_namespace t", "", "t.nspname !~ '^pg_' and t.nspname <> 'pgcutover'"),
    ("extensions", "pg_extension t", "", "true"),
)
_QUERY = " union all ".join(
    (
        _TABLES,
        *(
            f"select '{name}', count(*), sum(t.xmin::text::bigint) "  # noqa: S608 - constants
            f"from {catalog} {join} where {where}"
            for name, catalog, join, where in _CATALOGS
        ),
    )
)

SchemaMark = Mapping[str, tuple[int, int]]


def read_schema_mark(connection: Connection) -> SchemaMark:
    """Return count and sum for each kind of object; UnreadableError where that fails."""
    try:
        rows = connection.execute(_QUERY.encode()).fetchall()
    except psycopg.Error as error:
        raise UnreadableError(
            f"the schema's mark cannot be read: {describe_error(error)}"
        ) from error
    return {name: (count, int(total or 0)) for name, count, total in rows}


def changed_kinds(side: str, before: SchemaMark, after: SchemaMark) -> Iterator[Finding]:
    """Yield the kinds of objects of which a definition has changed."""
    for name, mark in after.items():
        if before.get(name) != mark:
            had, has = before.get(name, (0, 0))[0], mark[0]
            counts = f"{had} before, {has} now" if had != has else f"{has}, as many as before"
            yield finding(
                name,
                "schema changed",
                f"{name} of the {side} have changed since the run began ({counts}); run the gate "
                "again before the freeze",
            )
