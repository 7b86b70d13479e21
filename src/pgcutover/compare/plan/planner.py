"""Plans the comparison of a mapped table: hashes each column on both sides in the same way."""

from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from pgcutover.compare.hashing.calibration import ROW, Calibration
from pgcutover.compare.hashing.encode import TEXT, Encoding, as_bytes, encode_column
from pgcutover.compare.hashing.row_hash import build_side_hash, seeds_from
from pgcutover.compare.hashing.row_text import ComparedTable
from pgcutover.compare.hashing.tolerance_bins import bin_text
from pgcutover.compare.plan.model import ALL_ROWS, TableComparison, TableSide
from pgcutover.compare.plan.table_stats import TableStats, read_stats
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.config.tables import Tolerance
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.sides import Sides, fetch_both


@dataclass(frozen=True, slots=True)
class Scope:
    """The compared part of a table; `tolerances` name the target's columns."""

    name: str
    tables: Sides[ComparedTable]
    conditions: Sides[sql.Composable] = ALL_ROWS
    not_proven: tuple[str, ...] = ()
    tolerances: tuple[Tolerance, ...] = ()


@dataclass(frozen=True, slots=True)
class _SidePlan:
    """One side of a table before its columns are hashed; `tolerances` name this side's columns."""

    label: str
    session: SideSession
    table: ComparedTable
    where: sql.Composable
    stats: TableStats
    tolerances: tuple[Tolerance, ...]


def plan_comparison(
    scope: Scope, sessions: Sides[SideSession], calibration: Calibration, salt: str
) -> TableComparison:
    """Plan the comparison of a table's rows, from its columns and statistics on both sides."""
    tolerances = tuple(_on_both_sides(t, scope.tables) for t in scope.tolerances)
    of_source, of_target = (
        tuple(t.source for t in tolerances),
        tuple(t.target for t in tolerances),
    )
    plans = fetch_both(
        lambda: _plan_side("source", scope, sessions.source, of_source),
        lambda: _plan_side("target", scope, sessions.target, of_target),
        (*sessions.source.open, *sessions.target.open),
    )
    bins = plans.combine(plans.swap(), _bins)
    encodings = plans.combine(plans.swap(), lambda own, other: _encodings(own, other, calibration))
    codes = encodings.combine(
        bins,
        lambda codes, bins: codes | {c: Encoding(as_bytes(b), TEXT) for c, b in bins.items()},
    )
    methods = {column: code.method for column, code in codes.target.items()}
    if calibration.method != ROW:
        methods = dict.fromkeys(scope.tables.target.columns, calibration.method)
    methods |= {t.target.column: f"within {t.target}" for t in tolerances}
    seeds = seeds_from(salt, scope.name)
    hashes = plans.map(lambda plan: plan.table).combine(
        codes.combine(bins, lambda codes, bins: (codes, bins)),
        lambda table, of: build_side_hash(table, of[0], calibration.method, seeds, of[1]),
    )
    sides = plans.combine(
        hashes,
        lambda plan, hashes: TableSide(
            scope.name, plan.label, plan.session, hashes, plan.stats, plan.where
        ),
    )
    return TableComparison(
        scope.name, sides, calibration.method, methods, scope.not_proven, tolerances
    )


def _plan_side(
    label: Literal["source", "target"],
    scope: Scope,
    session: SideSession,
    tolerances: tuple[Tolerance, ...],
) -> _SidePlan:
    table: ComparedTable = getattr(scope.tables, label)
    stats = _read_stats(session, table, scope.name)
    return _SidePlan(label, session, table, getattr(scope.conditions, label), stats, tolerances)


def _on_both_sides(tolerance: Tolerance, tables: Sides[ComparedTable]) -> Sides[Tolerance]:
    n = tables.target.columns.index(tolerance.column)
    return Sides(replace(tolerance, column=tables.source.columns[n]), tolerance)


def _read_stats(session: SideSession, table: ComparedTable, name: str) -> TableStats:
    with unreadable_on_error(session.side, name):
        stats = read_stats(session.open[0], table.name, table.key)
    if stats is None:
        raise UnreadableError(
            f"{name}: the {session.side} has lost this table since the run began; run again"
        )
    if lost := [c for c in table.columns if c not in stats.types]:
        raise UnreadableError(
            f"{name}: the {session.side} lacks {', '.join(lost)}, which it had when the run began; "
            "the table was altered, so run again"
        )
    return stats


def _bins(own: _SidePlan, other: _SidePlan) -> dict[str, sql.Composed]:
    opposite = dict(zip(own.table.columns, other.table.columns, strict=True))
    return {
        t.column: bin_text(t, own.stats.types[t.column], other.stats.types[opposite[t.column]])
        for t in own.tolerances
    }


def _encodings(own: _SidePlan, other: _SidePlan, calibration: Calibration) -> dict[str, Encoding]:
    convert = own.table.encoding != other.table.encoding
    return {
        column: encode_column(
            column,
            own.stats.types[column],
            other.stats.types[opposite],
            calibration.agreed,
            convert=convert,
        )
        for column, opposite in zip(own.table.columns, other.table.columns, strict=True)
    }
