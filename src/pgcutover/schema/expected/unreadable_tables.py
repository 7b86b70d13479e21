"""Tables of the source that pg_dump may not lock, created from the source's catalogs.

pg_dump locks every table that it dumps, and ends where the role lacks the select privilege on one.
These tables are left out of the dump. The catalogs, which every role may read, say what they are.
"""

from dataclasses import replace

from pgcutover.connect import Connection, open_session
from pgcutover.errors import ProvisionError
from pgcutover.provision.execute import run_batches
from pgcutover.provision.sql_splitter import split_statements
from pgcutover.schema.compare import MISSING, differences
from pgcutover.schema.expected.not_created import TOLERATED
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.snapshot import collect_snapshot

# a dump of partitions and owned sequences without their table would be wrong
_UNREADABLE = """
with recursive unreadable (oid) as (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not (has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage'))
    union select i.inhrelid from unreadable u join pg_inherits i on i.inhparent = u.oid
)
select format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid in (select oid from unreadable)
   or c.relkind = 'S' and exists (
      select from pg_depend d join unreadable u on u.oid = d.refobjid
      where d.objid = c.oid and d.classid = 'pg_class'::regclass
        and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
order by 1
"""
# duplicate_object, duplicate_table, duplicate_function, duplicate_column, duplicate_schema:
# statements of the dump that come with others here
_DUPLICATE = ("42710", "42P07", "42723", "42701", "42P06")
# managed by the server, and different in each major
_SYSTEM = "system_grant"


def find_unreadable_tables(source_dsn: str) -> tuple[str, ...]:
    """Return the tables that the role may not lock, with their partitions and sequences, quoted."""
    with open_session(source_dsn) as source:
        return tuple(str(name) for (name,) in source.execute(_UNREADABLE.encode()).fetchall())


def create_from_catalogs(
    connection: Connection, scratch_dsn: str, source_dsn: str
) -> list[ProvisionError]:
    """Create what the dump did not, with everything that depends on it; return the refusals."""
    with open_session(scratch_dsn) as scratch, open_session(source_dsn) as source:
        kinds = tuple(kind for kind in KINDS if kind.name != _SYSTEM)
        created, wanted = (
            collect_snapshot(scratch, kinds),
            _without_invalid(collect_snapshot(source, kinds)),
        )
    found = differences(wanted, created, [kind.name for kind in kinds])
    lines = FixScript(wanted).script(d for d in found if d.change == MISSING)
    name = "the source's catalogs"
    statements = split_statements("\n".join(lines), name)
    return run_batches(connection, statements, name, (*TOLERATED, *_DUPLICATE))


def _without_invalid(schema: Snapshot) -> Snapshot:
    """Return the schema without INVALID indexes, as a dump leaves them out."""
    return replace(schema, objects=tuple(o for o in schema.objects if not _is_invalid(o)))


def _is_invalid(each: SchemaObject) -> bool:
    return each.kind == "index" and each.facts.get("usable") is False
