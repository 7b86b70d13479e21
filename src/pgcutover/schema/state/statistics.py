"""Tables and materialized views that hold rows and have no planner statistics.

No mover carries statistics, so the target's plans are guesses until ANALYZE has run.
"""

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import explain_error
from pgcutover.schema.state.wording import first_names
from pgcutover.text.words import agree, count_noun

_UNANALYZED = """
select format('%I.%I', n.nspname, c.relname), n.nspname, c.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and c.relispopulated
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
  and has_table_privilege(c.oid, 'select') and not row_security_active(c.oid)
  and pg_relation_size(c.oid) > 0
  and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
              and not a.attisdropped and a.attstattarget is distinct from 0)
  and not exists (select from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname)
order by 1
"""


def statistics_warnings(target: Connection) -> Iterator[str]:
    """Return one sentence about tables that hold rows and have no statistics, if there are any."""
    try:
        names = find_unanalyzed(target)
    except psycopg.Error as error:
        yield f"could not determine which tables lack statistics: {explain_error(error)}"
        return
    if names:
        count = len(names)
        verbs = agree(count, "holds rows and has", "hold rows and have")
        subject = f"{count_noun(count, 'relation')} {verbs}"
        yield (
            f"{subject} no statistics, so the planner guesses: {first_names(names)}; run analyze"
        )


def find_unanalyzed(target: Connection) -> list[str]:
    """Return the tables and materialized views that hold rows and have no statistics."""
    with target.transaction():
        found = target.execute(_UNANALYZED.encode()).fetchall()
        return [name for name, *relation in found if _holds_rows(target, relation)]


def _holds_rows(target: Connection, relation: Sequence[str]) -> bool:
    query = sql.SQL("select exists (select from {})").format(sql.Identifier(*relation))
    return target.execute(query).fetchone() == (True,)
