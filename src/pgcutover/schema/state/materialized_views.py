"""Whether what is derived from rows is there: contents of materialized views, and statistics.

No mover carries either. An unpopulated view refuses to be read; one that was filled before the last
rows came answers with what no longer is, and no comparison of tables would notice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.redact import describe_error
from pgcutover.verdict import Finding

Connection = psycopg.Connection[Any]
_SHOWN = 20
_VIEWS = """
select format('%I.%I', n.nspname, c.relname), c.oid::int8, c.relispopulated
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
order by 1
"""
_DEFINITION = "select rtrim(pg_get_viewdef(%s::oid), '; ')"
# the rule as the server keeps it names every function that it calls, also the system's own, which
# pg_depend leaves out; current_date and its like are nodes of a kind of their own
_CALLS = r"""
with recursive used as (
  select %s::oid as oid
  union
  select c.oid
  from used u join pg_rewrite r on r.ev_class = u.oid and r.rulename = '_RETURN'
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                      and d.refclassid = 'pg_class'::regclass
  join pg_class c on c.oid = d.refobjid and c.relkind = 'v'
), rule as (
  select string_agg(r.ev_action::text, ' ') as tree
  from used u join pg_rewrite r on r.ev_class = u.oid and r.rulename = '_RETURN'
), called as (
  select distinct m[1]::oid as oid
  from rule, regexp_matches(tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
)
select tree ~ '\{(SQLVALUEFUNCTION|NEXTVALUEEXPR) ' or exists (
         select from called join pg_proc p using (oid)
         where p.provolatile = 'v'
            or p.provolatile = 's' and p.oid >= 16384
            or p.provolatile = 's' and p.proname in (
                 'now', 'transaction_timestamp', 'statement_timestamp', 'age', 'current_setting',
                 'current_user', 'session_user', 'txid_current', 'pg_current_xact_id')),
       tree ~ ':limit(Count|Offset) \{|:hasDistinctOn true' or exists (
         select from called join pg_proc p using (oid)
         where p.prokind = 'w'
            or p.prokind = 'a' and p.proname not in ('min', 'max', 'count') and (
                 p.oid >= 16384 or p.proname ~ '(_|xml)agg$|^any_value$'
                 or p.proargtypes::oid[] && array['float4'::regtype, 'float8'::regtype]::oid[]))
from rule
"""
# whatever a value's text depends on is the same for both, being in one statement
_COMPARED = """
with held as (
  select count(*) as rows, sum(hashtextextended((r.*)::text, 0)) as one,
         sum(hashtextextended((r.*)::text, 1)) as two from {} r
), defined as (
  select count(*) as rows, sum(hashtextextended((r.*)::text, 0)) as one,
         sum(hashtextextended((r.*)::text, 1)) as two from ({}) r
)
select h.rows, d.rows, (h.one, h.two) is not distinct from (d.one, d.two) from held h, defined d
"""
# how sessions of this role and database work by default; the view may have been filled in one
_DEFAULTS = """
select set_config(name, reset_val, true) from pg_settings
where lower(name) in ('timezone', 'datestyle', 'intervalstyle', 'extra_float_digits',
                      'bytea_output', 'lc_monetary', 'xmlbinary')
"""
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


@dataclass(slots=True)
class _Outcome:
    """Findings; views that differ but may by nature; views that could not be read; what is told."""

    problems: list[Finding] = field(default_factory=list)
    uncomparable: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, other: "_Outcome", *, only_told: bool) -> None:
        """Take over what was found about one view; that it differs may only be told."""
        self.undecided += other.undecided
        if only_told:
            self.warnings += [p.message for p in other.problems] + other.uncomparable
        else:
            self.problems += other.problems
            self.undecided += other.uncomparable


@dataclass(frozen=True, slots=True)
class _View:
    """A materialized view of the target, and how long its answer may take; 0 is for ever."""

    name: str
    oid: int
    seconds: float


def population_diff(
    source: Connection,
    target: Connection,
    moved: Mapping[str, str],
    statement_timeout_seconds: float = 60.0,
    *,
    during_load: bool = False,
) -> Diff:
    """Materialized views of the target that are empty or stale; what has no statistics is told.

    `moved` is the target's name of each relation of the source; others keep theirs. Definitions are
    run on the target as the session's role. UnreadableError names views about which that told
    nothing, unless others are wrong for certain. While rows still come, as `during_load` says,
    whatever is fresh is soon stale, so that is only told.
    """
    theirs = {moved.get(name, name): filled for name, _, filled in _views(source, "source")}
    outcome, populated = _Outcome(), 0
    for name, oid, filled in _views(target, "target"):
        if filled:
            populated += 1
            view, judged = _View(name, oid, statement_timeout_seconds), _Outcome()
            _freshness(target, view, judged)
            outcome.add(judged, only_told=during_load)
        else:
            _unpopulated(name, theirs.get(name), outcome)
    if outcome.undecided and not outcome.problems:
        raise UnreadableError(_words(outcome.undecided))
    warnings = [*outcome.warnings, *_unanalyzed(target)]
    if outcome.undecided:
        warnings.append(_words(outcome.undecided))
    facts: dict[str, Any] = {"populated": populated}
    return Diff("*", tuple(outcome.problems), facts | ({"warnings": warnings} if warnings else {}))


def _views(connection: Connection, side: str) -> list[tuple[str, int, bool]]:
    try:
        return [(n, o, p) for n, o, p in connection.execute(_VIEWS.encode())]
    except psycopg.Error as error:
        raise UnreadableError(
            f"the materialized views of the {side} cannot be listed: {describe_error(error)}"
        ) from error


def _unpopulated(name: str, on_source: bool | None, outcome: _Outcome) -> None:
    remedy = f"refresh materialized view {name}"
    if on_source:
        message = f"materialized view {name} is not populated on the target: {remedy}"
        outcome.problems.append(finding(name, "materialized view unpopulated", message))
    elif on_source is None:
        outcome.warnings.append(
            f"materialized view {name}, which the source has not, is not populated: {remedy}"
        )


def _freshness(target: Connection, view: _View, outcome: _Outcome) -> None:
    try:
        held, defined, alike = _compared(target, view, like_others=False)
        if not alike:
            held, defined, alike = _compared(target, view, like_others=True)
        if not alike:
            _stale(target, view, (held, defined), outcome)
    except psycopg.Error as error:
        if target.broken:
            raise UnreadableError(
                f"materialized view {view.name}: the target could not be asked: "
                f"{describe_error(error)}"
            ) from error
        outcome.undecided.append(f"{view.name}: {_reason(target, view, error)}")


def _compared(target: Connection, view: _View, *, like_others: bool) -> tuple[int, int, bool]:
    """Rows that the view holds, rows that its definition gives now, whether all are the same."""
    with target.transaction() as savepoint:
        if like_others:
            target.execute(_DEFAULTS)
        timeout = f"{int(view.seconds * 1000)}"
        target.execute("select set_config('statement_timeout', %s, true)", [timeout])
        ((definition,),) = target.execute(_DEFINITION, [view.oid]).fetchall()
        query = _COMPARED.format(view.name, definition)
        ((held, defined, alike),) = target.execute(query.encode()).fetchall()
        raise psycopg.Rollback(savepoint)  # settings go back to what they were
    return int(held), int(defined), bool(alike)


def _stale(target: Connection, view: _View, rows: tuple[int, int], outcome: _Outcome) -> None:
    """Stale for certain, unless the definition may give something else each time."""
    ((by_moment, by_order),) = target.execute(_CALLS.encode(), [view.oid]).fetchall()
    held, defined = rows
    if by_moment:
        why = "its definition depends on when, where or by whom it is run, so it cannot be compared"
        outcome.uncomparable.append(f"{view.name}: {why}")
    elif by_order and held == defined:
        why = "it differs from its definition, which depends on the order in which rows are read"
        outcome.uncomparable.append(f"{view.name}: {why}")
    else:
        message = (
            f"materialized view {view.name} is stale: it holds {held:,} rows, its definition gives "
            f"{defined:,} now{', of other contents' if held == defined else ''}: "
            f"refresh materialized view {view.name}"
        )
        evidence = {"held": held, "defined": defined}
        outcome.problems.append(finding(view.name, "materialized view stale", message, **evidence))


def _reason(target: Connection, view: _View, error: psycopg.Error) -> str:
    # asked of the present, not of the snapshot
    gone = target.execute("select pg_relation_filenode(%s::oid) is null", [view.oid]).fetchone()
    if gone == (True,):
        return "it was dropped meanwhile; run again"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return f"its definition did not answer within {view.seconds:g} s; allow more"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "the role may not read it or what it is made of; grant select on both"
    return f"it cannot be compared with its definition: {describe_error(error)}"


def _words(undecided: Sequence[str]) -> str:
    return f"materialized views may be stale, or not: {_some(undecided)}; refresh them to be sure"


def _unanalyzed(target: Connection) -> Iterator[str]:
    """One sentence about tables that hold rows and have no statistics."""
    try:
        with target.transaction():
            found = target.execute(_UNANALYZED.encode()).fetchall()
            names = [name for name, *relation in found if _holds_rows(target, relation)]
    except psycopg.Error as error:
        yield f"whether tables have statistics could not be found out: {describe_error(error)}"
        return
    if names:
        yield (
            f"{len(names):,} relations hold rows and have no statistics, so that plans are "
            f"guesses: {_some(names)}; run analyze"
        )


def _holds_rows(target: Connection, relation: Sequence[str]) -> bool:
    query = sql.SQL("select exists (select from {})").format(sql.Identifier(*relation))
    return target.execute(query).fetchone() == (True,)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more
