"""From a mapped table to a question: how each column is hashed, on both sides alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from pgcutover.compare.hashing.calibration import ROW, Calibration
from pgcutover.compare.hashing.encode import TEXT, Encoding, as_bytes, encode_column
from pgcutover.compare.hashing.row_hash import build_side_hash, seeds_from
from pgcutover.compare.hashing.row_text import SideTable
from pgcutover.compare.hashing.tolerance_bins import bin_text
from pgcutover.compare.plan.model import EVERYTHING, Question, Side
from pgcutover.compare.plan.table_stats import TableFacts, read_facts
from pgcutover.compare.scan.sessions import SideSession, saying
from pgcutover.config.tables import Tolerance
from pgcutover.errors import UnreadableError


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a table is compared: its two sides, which rows, and what is told of its columns."""

    name: str
    tables: tuple[SideTable, SideTable]
    conditions: tuple[sql.Composable, sql.Composable] = (EVERYTHING, EVERYTHING)
    not_proven: tuple[str, ...] = ()
    tolerances: tuple[Tolerance, ...] = ()


def prepared(
    scope: Scope, sessions: tuple[SideSession, SideSession], calibration: Calibration, salt: str
) -> Question:
    """The question whether both tables hold the same rows; reads what their columns are."""
    name, tables = scope.name, scope.tables
    one, two = (
        _facts(session, table, name) for session, table in zip(sessions, tables, strict=True)
    )
    facts = (one, two)
    seeds = seeds_from(salt, name)
    tolerances = tuple(_on_both_sides(t, tables) for t in scope.tolerances)
    methods: dict[str, str] = {}
    sides = []
    for own, label in enumerate(("source", "target")):
        bins = _bins([t[own] for t in tolerances], tables, facts, own)
        codes = _encodings(tables, facts, own, calibration)
        codes |= {c: Encoding(as_bytes(text), TEXT) for c, text in bins.items()}
        methods = {c: code.method for c, code in codes.items()}
        hashes = build_side_hash(tables[own], codes, calibration.method, seeds, bins)
        sides.append(Side(label, sessions[own], hashes, facts[own], scope.conditions[own]))
    if calibration.method != ROW:
        methods = dict.fromkeys(tables[1].columns, calibration.method)
    methods |= {target.column: f"within {target}" for _, target in tolerances}
    return Question(
        name, sides[0], sides[1], calibration.method, methods, scope.not_proven, tolerances
    )


def _on_both_sides(
    tolerance: Tolerance, tables: tuple[SideTable, SideTable]
) -> tuple[Tolerance, Tolerance]:
    n = tables[1].columns.index(tolerance.column)
    return replace(tolerance, column=tables[0].columns[n]), tolerance


def _bins(
    tolerances: Sequence[Tolerance],
    tables: tuple[SideTable, SideTable],
    facts: tuple[TableFacts, TableFacts],
    own: int,
) -> dict[str, sql.Composed]:
    other = 1 - own
    theirs = dict(zip(tables[own].columns, tables[other].columns, strict=True))
    return {
        t.column: bin_text(t, facts[own].types[t.column], facts[other].types[theirs[t.column]])
        for t in tolerances
    }


def _facts(session: SideSession, table: SideTable, name: str) -> TableFacts:
    with saying(session.side, name):
        facts = read_facts(session.open[0], table.name, table.key)
    if facts is None:
        raise UnreadableError(
            f"{name}: the {session.side} has lost this table since the run began; run again"
        )
    if lost := [c for c in table.columns if c not in facts.types]:
        raise UnreadableError(
            f"{name}: the {session.side} lacks {', '.join(lost)}, which it had when the run began; "
            "the table was altered, so run again"
        )
    return facts


def _encodings(
    tables: tuple[SideTable, SideTable],
    facts: tuple[TableFacts, TableFacts],
    own: int,
    calibration: Calibration,
) -> dict[str, Encoding]:
    convert = tables[0].encoding != tables[1].encoding
    other = 1 - own
    return {
        column: encode_column(
            column,
            facts[own].types[column],
            facts[other].types[theirs],
            calibration.agreed,
            convert=convert,
        )
        for column, theirs in zip(tables[own].columns, tables[other].columns, strict=True)
    }
