"""A kind of object: its name and the one query that reads all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and its query: name, table, definition, facts (jsonb), without search_path.

    Catalog columns that a supported version lacks are read as `to_jsonb(row) ->> 'name'`, which is
    NULL there. `since` is the oldest server_version_num that has such objects.
    """

    name: str
    query: str
    since: int = 0


# internal roles of managed services: RDS, Neon (also used by Replit), Cloud SQL, Azure, Supabase;
# predefined roles exist on every server
_SERVICES = (
    "rds_.*", "rdsadmin", "rdsrepladmin", "rdstopmgr", "rdsproxyadmin",
    "cloud_admin", "neon_superuser", "neon_service", "databricks_.*", "cloudsql.*",
    "azuresu", "azure_pg_admin", "azure_superuser", "supabase_.*",
)  # fmt: skip
SERVICE_ROLES = f"'^({'|'.join(_SERVICES)})$'"
OWN_ROLES = f"'^(pg_.*|{'|'.join(_SERVICES)})$'"

# objects of the system, of pgcutover and of DMS are not the application's
NAMESPACES = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')"
RELATIONS = f"{NAMESPACES} and c.relname !~ '^awsdms_'"


def not_of_an_extension(catalog: str, oid: str) -> str:
    """Return the SQL condition that no extension owns the object."""
    return (
        "not exists (select from pg_depend e where e.deptype = 'e' "
        f"and e.classid = '{catalog}'::regclass and e.objid = {oid})"
    )


def sorted_array(expression: str) -> str:
    """Return SQL that sorts an array of text; NULL becomes an empty array."""
    listed = f'array_agg(o order by o collate "C") from unnest({expression}) o'
    return f"(select coalesce(sorted, '{{}}') from (select {listed}) s (sorted))"  # noqa: S608
