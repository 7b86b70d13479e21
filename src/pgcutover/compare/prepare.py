"""From a mapped table to a question: how each column is hashed, on both sides alike."""

from psycopg import sql

from pgcutover.compare.calibrate import ROW, Calibration
from pgcutover.compare.encode import Encoding, encoded
from pgcutover.compare.question import Question, Side
from pgcutover.compare.rowhash import Seeds, SideHash, seeds_from, side_hash
from pgcutover.compare.rowtext import SideTable
from pgcutover.compare.sessions import SideSession, saying
from pgcutover.compare.tablefacts import TableFacts, read_facts
from pgcutover.errors import UnreadableError


def prepared(
    name: str,
    tables: tuple[SideTable, SideTable],
    sessions: tuple[SideSession, SideSession],
    conditions: tuple[sql.Composable, sql.Composable],
    calibration: Calibration,
    salt: str,
    not_proven: tuple[str, ...],
) -> Question:
    """The question whether both tables hold the same rows; reads what their columns are."""
    facts = tuple(
        _facts(session, table, name) for session, table in zip(sessions, tables, strict=True)
    )
    seeds = seeds_from(salt, name)
    methods: dict[str, str] = {}
    sides = []
    for own in (0, 1):
        codes = _encodings(tables, (facts[0], facts[1]), own, calibration)
        methods = {c: code.method for c, code in codes.items()}
        hashes = _hashes(tables[own], codes, calibration, seeds)
        label = ("source", "target")[own]
        sides.append(Side(label, sessions[own], hashes, facts[own], conditions[own]))
    if calibration.method != ROW:
        methods = dict.fromkeys(tables[1].columns, calibration.method)
    return Question(name, sides[0], sides[1], calibration.method, methods, not_proven)


def _hashes(
    table: SideTable, codes: dict[str, Encoding], calibration: Calibration, seeds: Seeds
) -> SideHash:
    expressions = {c: code.expressions for c, code in codes.items()}
    return side_hash(table, expressions, calibration.method, seeds)


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
        column: encoded(
            column,
            facts[own].types[column],
            facts[other].types[theirs],
            calibration.agreed,
            convert=convert,
        )
        for column, theirs in zip(tables[own].columns, tables[other].columns, strict=True)
    }
