"""A kind of object: its name and the one query that reads all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`query` selects name, table, definition, facts (jsonb), in a session with no search_path.

    Columns of catalogs that a supported version lacks are read through `to_jsonb(row) ->> 'name'`,
    which is NULL there. `since` is the oldest server_version_num that has such objects at all.
    """

    name: str
    query: str
    since: int = 0


# what services run themselves with, on either side: RDS, Neon (and Replit, which is on it), Cloud
# SQL, Azure, Supabase; predefined roles are every server's
_SERVICES = (
    "rds_.*", "rdsadmin", "rdsrepladmin", "rdstopmgr", "rdsproxyadmin",
    "cloud_admin", "neon_superuser", "neon_service", "databricks_.*", "cloudsql.*",
    "azuresu", "azure_pg_admin", "azure_superuser", "supabase_.*",
)  # fmt: skip
SERVICE_ROLES = f"'^({'|'.join(_SERVICES)})$'"
OWN_ROLES = f"'^(pg_.*|{'|'.join(_SERVICES)})$'"

# nothing of the system's, of the gate or of DMS itself is the application's
NAMESPACES = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')"
RELATIONS = f"{NAMESPACES} and c.relname !~ '^awsdms_'"


def not_of_an_extension(catalog: str, oid: str) -> str:
    """A condition: the object was not made by an extension."""
    return (
        "not exists (select from pg_depend e where e.deptype = 'e' "
        f"and e.classid = '{catalog}'::regclass and e.objid = {oid})"
    )


def sorted_array(expression: str) -> str:
    """SQL for an array of text in a fixed order; empty where it is NULL."""
    listed = f'array_agg(o order by o collate "C") from unnest({expression}) o'
    return f"(select coalesce(sorted, '{{}}') from (select {listed}) s (sorted))"  # noqa: S608
