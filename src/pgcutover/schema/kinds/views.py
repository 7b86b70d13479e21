"""Views and materialized views."""

from pgcutover.schema.kinds.model import NAMESPACES, Kind, not_of_an_extension

_OURS = f"{NAMESPACES} and {not_of_an_extension('pg_class', 'c.oid')}"

VIEWS = Kind(
    "view",
    f"""
select format('%I.%I', n.nspname, c.relname), '',
       format('create view %I.%I as %s', n.nspname, c.relname, pg_get_viewdef(c.oid)),
       jsonb_build_object(
           'body', pg_get_viewdef(c.oid),
           'options', (
               select coalesce(array_agg(o order by o), '{{}}') from unnest(c.reloptions) o),
           'owner', pg_get_userbyid(c.relowner))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and {_OURS}
order by 1
""",  # noqa: S608 - a constant
)

KINDS = (VIEWS,)
