"""Materialized views of the target that are not populated, or that are older than their rows.

No mover carries their contents. A view that is not populated cannot be read. A view that was
refreshed before the last rows arrived gives old results, and no comparison of tables notices.

A view is stale where it differs from its own query within one snapshot. While a mover applies
changes, every view is soon stale. So a stale view is read again after a wait, and is a finding only
where its rows did not change meanwhile, on the target or on the source.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import explain_error, unreadable
from pgcutover.errors import UnreadableError
from pgcutover.schema.state.wording import first_names
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_VIEWS = """
select format('%I.%I', n.nspname, c.relname), c.oid::int8, c.relispopulated
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pgcutover')
order by 1
"""
_DEFINITION = "select rtrim(pg_get_viewdef(%s::oid), '; ')"
# The rule's stored tree names every function that it calls, also built-in ones, which pg_depend
# leaves out; current_date and its like are nodes of their own.
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
# both results are in one statement, so settings that change the text of a value change both
_COMPARED = """
with held as (
  select count(*) as rows, sum(hashtextextended((r.*)::text, 0)) as one,
         sum(hashtextextended((r.*)::text, 1)) as two from {} r
), defined as (
  select count(*) as rows, sum(hashtextextended((r.*)::text, 0)) as one,
         sum(hashtextextended((r.*)::text, 1)) as two from ({}) r
)
select h.rows, h.one, h.two, d.rows, d.one, d.two from held h, defined d
"""
# the defaults of this role and database; the view may have been refreshed in such a session
_DEFAULTS = """
select set_config(name, reset_val, true) from pg_settings
where lower(name) in ('timezone', 'datestyle', 'intervalstyle', 'extra_float_digits',
                      'bytea_output', 'lc_monetary', 'xmlbinary')
"""
# writes since the statistics were reset, of all tables that a view reads, partitions included
_WRITES = """
with recursive used as (
  select c.oid as view, c.oid, true as is_first from pg_class c where c.relkind = 'm'
  union
  select u.view, n.oid, false
  from used u join pg_class c on c.oid = u.oid and (c.relkind <> 'm' or u.is_first)
  cross join lateral (
    select d.refobjid as oid
    from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    where r.ev_class = u.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> u.oid
    union all
    select i.inhrelid from pg_inherits i where i.inhparent = u.oid) n
)
select format('%I.%I', n.nspname, v.relname),
       sum(pg_stat_get_tuples_inserted(u.oid) + pg_stat_get_tuples_updated(u.oid)
           + pg_stat_get_tuples_deleted(u.oid))::int8
from used u join pg_class v on v.oid = u.view join pg_namespace n on n.oid = v.relnamespace
group by 1
"""


@dataclass(frozen=True, slots=True)
class Contents:
    """Number and hashes of a view's rows, and of the rows that its query gives."""

    held: tuple[object, ...]
    defined: tuple[object, ...]

    @property
    def rows(self) -> tuple[int, int]:
        """Numbers of rows, held and defined."""
        return int(str(self.held[0])), int(str(self.defined[0]))


@dataclass(frozen=True, slots=True)
class StaleView:
    """A view that differs from its query; `finding` is None where its query may always differ.

    `writes` counts what was written on the source to the tables that the view reads.
    """

    contents: Contents
    writes: int | None
    finding: Finding | None
    uncomparable: str = ""

    def is_unmodified(self, later: "StaleView") -> bool:
        """Return whether neither side's rows changed between two readings."""
        return (self.contents, self.writes) == (later.contents, later.writes)


@dataclass(slots=True)
class Reading:
    """The state of the target's materialized views in one snapshot."""

    stale: dict[str, StaleView] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    populated: int = 0

    def diff(self, more_warnings: Sequence[str] = ()) -> Diff:
        """Return the findings; UnreadableError where only undecided views are left."""
        problems = [*self.problems, *(s.finding for s in self.stale.values() if s.finding)]
        undecided = self.undecided + [s.uncomparable for s in self.stale.values() if not s.finding]
        if undecided and not problems:
            raise UnreadableError(_undetermined(undecided))
        warnings = [*self.warnings, *more_warnings]
        warnings += [_undetermined(undecided)] if undecided else []
        facts: dict[str, Any] = {"populated": self.populated}
        return Diff("*", tuple(problems), facts | ({"warnings": warnings} if warnings else {}))

    def unmodified_since(self, earlier: "Reading") -> None:
        """Keep as stale only views whose rows are those of an earlier reading; warn of others."""
        for name, view in list(self.stale.items()):
            if name in earlier.stale and earlier.stale[name].is_unmodified(view):
                continue
            del self.stale[name]
            self.warnings.append(
                view.uncomparable
                or f"materialized view {name} is older than its rows, which changed during the "
                f"check; refresh it after the last change: refresh materialized view {name}"
            )


@dataclass(frozen=True, slots=True)
class _View:
    """A materialized view of the target, and its query's timeout; 0 disables the timeout."""

    name: str
    oid: int
    seconds: float


def read_views(
    source: Connection,
    target: Connection,
    moved: Mapping[str, str],
    timeout_seconds: float = 60.0,
    only: Collection[str] | None = None,
) -> Reading:
    """Compare each of the target's materialized views, or some, with its own query.

    `moved` maps names of the source's relations to those of the target; others keep theirs. Queries
    run on the target as the session's role.
    """
    theirs = {moved.get(name, name): populated for name, _, populated in _views(source, "source")}
    writes = {moved.get(str(name), str(name)): int(n) for name, n in source.execute(_WRITES)}
    reading = Reading()
    for name, oid, is_populated in _views(target, "target"):
        if is_populated:
            reading.populated += 1
            if only is None or name in only:
                _read(target, _View(name, oid, timeout_seconds), writes.get(name), reading)
        else:
            _unpopulated(name, theirs.get(name), reading)
    return reading


def _views(connection: Connection, side: str) -> list[tuple[str, int, bool]]:
    try:
        return [(n, o, p) for n, o, p in connection.execute(_VIEWS.encode())]
    except psycopg.Error as error:
        raise unreadable(side, "list of materialized views", error) from error


def _unpopulated(name: str, on_source: bool | None, reading: Reading) -> None:
    remedy = f"refresh materialized view {name}"
    if on_source:
        message = f"materialized view {name} is not populated on the target: {remedy}"
        reading.problems.append(finding(name, "materialized view unpopulated", message, fix=remedy))
    elif on_source is None:
        reading.warnings.append(
            f"materialized view {name} exists on the target only and is not populated: {remedy}"
        )


def _read(target: Connection, view: _View, writes: int | None, reading: Reading) -> None:
    try:
        contents = _contents(target, view, with_defaults=False)
        if contents.held != contents.defined:
            contents = _contents(target, view, with_defaults=True)
        if contents.held != contents.defined:
            reading.stale[view.name] = _stale(target, view, contents, writes)
    except psycopg.Error as error:
        if target.broken:
            raise unreadable("target", f"materialized view {view.name}", error) from error
        reading.undecided.append(f"{view.name}: {_reason(target, view, error)}")


def _contents(target: Connection, view: _View, *, with_defaults: bool) -> Contents:
    with target.transaction() as savepoint:
        if with_defaults:
            target.execute(_DEFAULTS)
        timeout = f"{int(view.seconds * 1000)}"
        target.execute("select set_config('statement_timeout', %s, true)", [timeout])
        ((definition,),) = target.execute(_DEFINITION, [view.oid]).fetchall()
        (row,) = target.execute(_COMPARED.format(view.name, definition).encode()).fetchall()
        raise psycopg.Rollback(savepoint)  # resets the settings
    return Contents(row[:3], row[3:])


def _stale(target: Connection, view: _View, contents: Contents, writes: int | None) -> StaleView:
    """Return a finding, unless the query may give another result each time it runs."""
    ((by_moment, by_order),) = target.execute(_CALLS.encode(), [view.oid]).fetchall()
    held, defined = contents.rows
    if by_moment:
        why = "its query depends on when, where or by whom it is run, so it cannot be compared"
        return StaleView(contents, writes, None, f"{view.name}: {why}")
    if by_order and held == defined:
        why = "it differs from its query, whose result depends on the order in which rows are read"
        return StaleView(contents, writes, None, f"{view.name}: {why}")
    fix = f"refresh materialized view {view.name}"
    of_others = " of other contents" if held == defined else ""
    message = (
        f"materialized view {view.name} is stale: it holds {count_noun(held, 'row')}, its query "
        f"gives {count_noun(defined, 'row')}{of_others}: {fix}"
    )
    evidence = {"held": held, "defined": defined, "fix": fix}
    return StaleView(
        contents, writes, finding(view.name, "materialized view stale", message, **evidence)
    )


def _reason(target: Connection, view: _View, error: psycopg.Error) -> str:
    # the function reads the catalog's current state, not the snapshot's
    gone = target.execute("select pg_relation_filenode(%s::oid) is null", [view.oid]).fetchone()
    if gone == (True,):
        return "it was dropped during the check; run again"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return (
            f"its query did not end within {view.seconds:g} s; raise "
            "budgets.statement_timeout_seconds"
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "the role may not read it or the tables of its query; grant select on both"
    return f"it cannot be compared with its query: {explain_error(error)}"


def _undetermined(undecided: Sequence[str]) -> str:
    return (
        f"could not determine whether these materialized views are stale: "
        f"{first_names(undecided)}; run refresh materialized view"
    )
