"""Changes that table locks do not stop: sequences, jobs, replication into the source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.sides import Sides
from pgcutover.verdict import Finding

_SEQUENCES = """
select format('%I.%I', n.nspname, c.relname), n.nspname, c.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'pgcutover')
order by 1
"""
_SUBSCRIPTIONS = """
select quote_ident(subname) from pg_subscription s
join pg_database d on d.oid = s.subdbid and d.datname = current_database()
where subenabled order by 1
"""
# (table, query of name and state): job schedulers that run inside a database
_SCHEDULERS = (
    (
        "cron.job",
        "select coalesce(to_jsonb(j) ->> 'jobname', schedule || ' ' || command), active"
        " from cron.job j where database = current_database()",
    ),
    ("pgagent.pga_job", "select jobname::text, jobenabled from pgagent.pga_job"),
    (
        "timetable.chain",
        "select chain_name::text, coalesce(live, false) from timetable.chain",
    ),
)


@dataclass(frozen=True, slots=True)
class SequencePositions:
    """The query of all positions of sequences, made before the freeze; it lacks new ones."""

    query: sql.Composed | None

    @classmethod
    def plan(cls, connection: Connection) -> "SequencePositions":
        """Make the query; the reading role needs select on each sequence."""
        parts = [
            sql.SQL("select {}, last_value, is_called from {}").format(
                sql.Literal(name), sql.Identifier(schema, relation)
            )
            for name, schema, relation in _fetch(connection, _SEQUENCES)
        ]
        return cls(sql.SQL(" union all ").join(parts) if parts else None)

    def read(self, connection: Connection) -> Mapping[str, tuple[int, bool]]:
        """Return the last value of each sequence, and whether it was given."""
        if self.query is None:
            return {}
        return {name: (last, called) for name, last, called in _fetch(connection, self.query)}


def moved_sequences(
    before: Mapping[str, tuple[int, bool]], after: Mapping[str, tuple[int, bool]]
) -> Iterator[Finding]:
    """Yield the sequences of the source that gave a value, or were set, during the freeze."""
    for name, position in after.items():
        if before.get(name) != position:
            yield finding(
                name,
                "sequence used in the freeze",
                f"sequence {name} of the source has moved since the freeze began; table locks do "
                "not stop nextval(): raise the target's sequence again, or stop that client",
            )


def enabled_subscriptions(connection: Connection, side: str) -> Iterator[Finding]:
    """Yield the subscriptions by which another server writes to a side."""
    for (name,) in _fetch(connection, _SUBSCRIPTIONS):
        yield finding(
            name,
            f"subscription writes the {side}",
            f"subscription {name} of the {side} is enabled, so that rows may change in the freeze; "
            f"run: alter subscription {name} disable",
        )


def jobs_findings(sides: Sides[Connection]) -> Iterator[Finding]:
    """Yield the scheduled jobs that are enabled on both sides, or on neither."""
    found = sides.map(read_jobs)
    for job in sorted(found.source.keys() | found.target.keys()):
        enabled = [label for label, jobs in zip(("source", "target"), found, strict=True)
                   if jobs.get(job)]  # fmt: skip
        if len(enabled) == 2:
            yield finding(
                job,
                "job enabled twice",
                f"job {job} is enabled on the source and on the target, so that it would run "
                "twice; disable it on the target until the switch",
            )
        elif not enabled and len([j for j in found if job in j]) == 2:
            yield finding(
                job,
                "job enabled nowhere",
                f"job {job} is disabled on the source and on the target; enable it on the side "
                "that is open, or drop it on the target",
            )


def read_jobs(connection: Connection) -> dict[str, bool]:
    """Return the scheduled jobs of a database, and whether each one is enabled."""
    found: dict[str, bool] = {}
    for table, query in _SCHEDULERS:
        ((exists,),) = _fetch(
            connection, sql.SQL("select to_regclass({}) is not null").format(table)
        )
        if exists:
            found |= {str(name): bool(on) for name, on in _fetch(connection, query)}
    return found


def _fetch(connection: Connection, query: str | sql.Composed) -> Sequence[tuple[Any, ...]]:
    try:
        text = query.encode() if isinstance(query, str) else query
        return connection.execute(text).fetchall()
    except psycopg.Error as error:
        raise UnreadableError(
            f"sequences and jobs cannot be read: {describe_error(error)}"
        ) from error
