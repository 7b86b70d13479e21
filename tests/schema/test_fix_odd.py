"""Test schema fixes on the damages that test_fix.py lacks.

Two databases of one server hold the objects of both, of the expected one only, and of the found one
only. Names contain characters at which a statement could be split.
"""

from collections.abc import Iterator

import psycopg
import pytest
from schema.oddfaults import FIXED, REFUSED, REPORTED, Odd
from support.servers import Pair, create_database, drop_database

from pgcutover.connect import open_session
from pgcutover.schema.compare import CHANGED, MISSING, Difference, Property, differences
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.severity import Severity
from pgcutover.schema.snapshot import collect_snapshot

NAMES = [kind.name for kind in KINDS]
ROLES = ("odd_role", '"odd to"')


@pytest.fixture(scope="module")
def server_dsns(pair: Pair) -> Iterator[Pair]:
    with psycopg.connect(pair.target.dsn(), autocommit=True) as connection:
        for role in ROLES:
            connection.execute(f"create role {role}".encode())
    yield pair
    with psycopg.connect(pair.target.dsn(), autocommit=True) as connection:
        for role in ROLES:
            connection.execute(f"drop role {role}".encode())


@pytest.fixture
def sides(server_dsns: Pair) -> Iterator[tuple[str, str]]:
    server = server_dsns.target
    names = [create_database(server) for _ in range(2)]
    yield server.dsn(names[0]), server.dsn(names[1])
    for name in names:
        drop_database(server, name)


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in filter(None, statements):
            connection.execute(statement.encode())


def read_schema(dsn: str) -> Snapshot:
    with open_session(dsn) as session:
        return collect_snapshot(session)


def apply_fix(row: Odd, expected_dsn: str, found_dsn: str) -> tuple[str, list[str]]:
    """Run the fix; return its comments on impossible fixes, and the remaining differences."""
    run(expected_dsn, row.both, row.expected)
    run(found_dsn, row.both, row.found)
    expected = read_schema(expected_dsn)
    wrong = differences(expected, read_schema(found_dsn), NAMES)
    assert wrong, "both sides are the same"
    statements = [statement for _, statement in FixScript(expected).plan(wrong)]
    run(found_dsn, *(s for s in statements if not s.startswith("--")))
    left = differences(expected, read_schema(found_dsn), NAMES)
    return " ".join(s for s in statements if s.startswith("--")), [str(d) for d in left]


@pytest.mark.parametrize("row", FIXED, ids=[r.id for r in FIXED])
def test_one_run_fixes_every_difference(sides: tuple[str, str], row: Odd) -> None:
    assert apply_fix(row, *sides) == ("", [])


@pytest.mark.parametrize("row", REPORTED, ids=[r.id for r in REPORTED])
def test_remaining_differences_are_reported(sides: tuple[str, str], row: Odd) -> None:
    output, left = apply_fix(row, *sides)
    assert row.says in output
    assert left


@pytest.mark.parametrize("row", REFUSED, ids=[r.id for r in REFUSED])
def test_a_fix_that_would_lose_data_is_refused(sides: tuple[str, str], row: Odd) -> None:
    with pytest.raises(psycopg.Error, match=row.says):
        apply_fix(row, *sides)


def test_line_ends_stay_in_bodies_and_do_not_end_comments() -> None:
    body = "CREATE FUNCTION s.f() AS $$a\r\nb\x0cc$$"
    function = SchemaObject("function", "s.f()", "", body, {})
    enum = SchemaObject("enum", '"x\rdrop table t;--"', "", "", {"labels": ["a"]})
    fix = FixScript(Snapshot("d", 170000, "", (function, enum)))
    labels = (Property("labels", ["a"], ["a", "b"]),)
    lines = fix.script(
        [
            Difference(MISSING, Severity.BLOCK, function, None),
            Difference(CHANGED, Severity.BLOCK, enum, enum, labels),
        ]
    )
    assert f"{body};" in lines
    assert not any("\r" in line or "\n" in line for line in lines if line.startswith("--"))
