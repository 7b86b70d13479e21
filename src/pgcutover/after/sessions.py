"""Checks the old side for sessions of clients, enabled jobs and tables without their fence."""

from collections.abc import Iterator, Mapping, Sequence

from pgcutover.connect import Connection
from pgcutover.diff import finding
from pgcutover.freeze import inspect_fence, read_relations
from pgcutover.mapping import RelationName
from pgcutover.text.words import agree, count_noun
from pgcutover.verdict import Finding

# backend_type is null where the role may not see the session
_SESSIONS = """
select quote_ident(usename), count(*) from pg_stat_activity
where datname = current_database() and usename = any(%s) and pid <> pg_backend_pid()
  and coalesce(backend_type, 'client backend') = 'client backend'
group by 1 order by 1
"""


def straggler_findings(old: Connection, roles: Sequence[str], side: str) -> Iterator[Finding]:
    """Yield the roles of clients that are still connected to the old side."""
    for role, count in old.execute(_SESSIONS, [list(roles)]).fetchall():
        sessions = count_noun(count, "session")
        yield finding(
            role,
            "still connected",
            f"{sessions} of role {role} {agree(count, 'is', 'are')} still connected to the {side}: "
            "clients that have not read the secret again; restart them",
            sessions=count,
        )


def fence_findings(old: Connection, tables: Sequence[RelationName], side: str) -> Iterator[Finding]:
    """Yield the tables of the old side that do not refuse writes."""
    state = inspect_fence(old, [r for r in read_relations(old, tables) if r.kind != "f"])
    for name in (*state.open, *state.altered):
        yield finding(
            name,
            "not fenced",
            f"{name} of the {side} accepts writes, which would be lost: its fence is missing or "
            "altered; find who removed it, and stop clients of that side",
        )


def job_findings(old: Mapping[str, bool], new: Mapping[str, bool], side: str) -> Iterator[Finding]:
    """Yield the scheduled jobs that run on the old side, or nowhere."""
    for job in sorted(old.keys() | new.keys()):
        if old.get(job):
            message = f"job {job} is enabled on the {side}, which is closed; disable it there"
            yield finding(job, "job on the old side", message)
        elif job in old and job in new and not new[job]:
            message = f"job {job} is disabled on both sides; enable it on the side that is open"
            yield finding(job, "job enabled nowhere", message)
