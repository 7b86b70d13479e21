"""Checks btree indexes against their tables with PostgreSQL's amcheck.

An index sorted by another collation library returns wrong results without an error (PostgreSQL 17,
F.1 "amcheck"). Comparisons that scan tables do not read it, so they cannot find this.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import explain_error, unreadable
from pgcutover.errors import UnreadableError
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_SHOWN = 20
# data_corrupted, index_corrupted, undefined_file: a missing or damaged file
_CORRUPT = ("XX001", "XX002", "58P01")
_EXTENSION = """
select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'amcheck'
"""
_IS_ALLOWED = """
select case when f is not null then has_function_privilege(f, 'execute') end
from to_regprocedure(%s) f
"""
_UNKNOWN = """
select a.name from unnest(%s::text[]) a (name)
where not exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where array[n.nspname, c.relname]::text[] = parse_ident(a.name)
)
order by 1
"""
_INDEXES = """
with recursive asked as (
  select c.oid from unnest(%s::text[]) a (name)
  join (pg_class c join pg_namespace n on n.oid = c.relnamespace)
    on array[n.nspname, c.relname]::text[] = parse_ident(a.name)
  union
  select i.inhrelid from pg_inherits i join asked a on a.oid = i.inhparent
)
select c.oid::int8, format('%%I.%%I', n.nspname, c.relname), x.indisvalid and x.indisready
from asked a join pg_index x on x.indrelid = a.oid
join pg_class c on c.oid = x.indexrelid and c.relkind = 'i'
join pg_am m on m.oid = c.relam and m.amname = 'btree'
join pg_namespace n on n.oid = c.relnamespace
where c.relpersistence <> 't'
order by 2
"""


@dataclass(slots=True)
class _Outcome:
    problems: list[Finding] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


def amcheck_diff(
    target: Connection,
    relations: Sequence[str],
    *,
    heapallindexed: bool = False,
    sample: int | None = None,
    seed: int = 0,
) -> Diff:
    """Return corrupt btree indexes of some relations, and of their partitions.

    `relations` are quoted names.
    `heapallindexed` also looks up each row in the index, which reads the table. `sample` is the
    number of indexes to check; `seed` selects them. UnreadableError names the statement that makes
    the check possible, or the indexes that could not be checked.
    """
    function = _check_function(target)
    found = _list_indexes(target, relations)
    valid = [(oid, name) for oid, name, is_valid in found if is_valid]
    chosen = _choose(valid, sample, seed)
    outcome = _Outcome()
    for oid, name in chosen:
        _check(target, function, oid, name, heapallindexed, outcome)
    if outcome.undecided and not outcome.problems:
        raise UnreadableError(_describe_undecided(outcome.undecided))
    facts: dict[str, Any] = {"indexes": len(valid), "checked": len(chosen)}
    if outcome.undecided:
        facts["warnings"] = [_describe_undecided(outcome.undecided)]
    return Diff("*", tuple(outcome.problems), facts)


def _check_function(target: Connection) -> sql.SQL:
    """Return a call of bt_index_check, qualified; UnreadableError if it cannot be called."""
    row = target.execute(_EXTENSION).fetchone()
    if row is None:
        raise UnreadableError(
            "indexes cannot be checked: extension amcheck is not installed in the target's "
            "database; its owner can make it so by: create extension amcheck"
        )
    signature = f"{row[0]}.bt_index_check(regclass, boolean)"
    ((allowed,),) = target.execute(_IS_ALLOWED, [signature]).fetchall()
    if allowed is None:
        raise UnreadableError(
            f"indexes cannot be checked: amcheck of the target has no {signature}; "
            "update it by: alter extension amcheck update"
        )
    if not allowed:
        ((role,),) = target.execute("select quote_ident(current_user)").fetchall()
        raise UnreadableError(
            "indexes cannot be checked: the target's role may not; a superuser can allow it by: "
            f"grant execute on function {signature} to {role}"
        )
    return sql.SQL(f"select {row[0]}.bt_index_check(%s::oid::regclass, %s)")


def _list_indexes(target: Connection, relations: Sequence[str]) -> list[tuple[int, str, bool]]:
    try:
        unknown = [str(n) for (n,) in target.execute(_UNKNOWN, [list(relations)])]
        if not unknown:
            return [(o, n, v) for o, n, v in target.execute(_INDEXES, [list(relations)])]
    except psycopg.Error as error:
        raise unreadable("target", "list of indexes", error) from error
    raise UnreadableError(
        f"indexes cannot be checked: the target has no relation {_join_names(unknown)}; it was "
        "dropped or renamed meanwhile, so run again"
    )


def _choose(
    indexes: Sequence[tuple[int, str]], sample: int | None, seed: int
) -> Sequence[tuple[int, str]]:
    if sample is None or sample >= len(indexes):
        return indexes
    chooser = random.Random(seed)  # noqa: S311 - to be repeatable, not secret
    return sorted(chooser.sample(indexes, sample), key=lambda each: each[1])


def _check(
    target: Connection,
    function: sql.SQL,
    oid: int,
    name: str,
    heapallindexed: bool,
    outcome: _Outcome,
) -> None:
    """Check one index in a savepoint, so that an error does not prevent checking the others."""
    try:
        with target.transaction():
            target.execute(function, [oid, heapallindexed])
    except psycopg.Error as error:
        if target.broken or error.sqlstate is None:
            raise unreadable("target", f"index {name}", error) from error
        if _is_gone(target, oid):
            outcome.undecided.append(f"{name} was dropped meanwhile")
        elif error.sqlstate in _CORRUPT:
            outcome.problems.append(_corrupt_finding(name, error.sqlstate))
        else:
            outcome.undecided.append(f"{name}: {explain_error(error)}")


def _corrupt_finding(name: str, sqlstate: str) -> Finding:
    # the server's message may quote rows, so only its code is reported
    message = (
        f"index {name} of the target is corrupt (SQLSTATE {sqlstate}): queries that use it miss "
        f"rows or repeat them; make it anew: reindex index {name}"
    )
    return finding(name, "index corrupt", message, sqlstate=sqlstate)


def _is_gone(target: Connection, oid: int) -> bool:
    """Return whether the index was dropped; reads without a lock and outside the snapshot."""
    query = "select pg_relation_filenode(%s::oid) is null"
    return target.execute(query, [oid]).fetchone() == (True,)


def _describe_undecided(undecided: Sequence[str]) -> str:
    return (
        f"{count_noun(len(undecided), 'index')} could not be checked: {_join_names(undecided)}; "
        "remove the reason and run again"
    )


def _join_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more
