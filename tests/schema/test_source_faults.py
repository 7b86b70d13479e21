"""Test that a fault of the source is a warning, and that the target must not repeat it."""

from collections.abc import Callable

import pytest
from compare.lab import run

from pgcutover.connect import open_session
from pgcutover.diff import Diff
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.kinds import CLUSTER_KINDS
from pgcutover.schema.snapshot import collect_snapshot
from pgcutover.schema.stage import SchemaStage

STALE = (
    "update pg_database set datcollversion = '1' where datname = current_database()",
    "create collation public.own (provider = icu, locale = 'de')",
    "create table public.t (name text collate public.own primary key)",
    "update pg_collation set collversion = '1' where collname = 'own'",
)
FRESH = STALE[1:3]


@pytest.fixture
def sides(fresh_database: Callable[..., str]) -> tuple[str, str]:
    return fresh_database("target"), fresh_database("target")


def compare_schemas(sides: tuple[str, str], *kinds: str) -> Diff:
    with open_session(sides[0]) as source, open_session(sides[1]) as target:
        snapshots = (
            collect_snapshot(source, CLUSTER_KINDS),
            collect_snapshot(target, CLUSTER_KINDS),
        )
    return SchemaStage(SchemaEvidence(*snapshots)).as_on_the_source(*kinds)


def collations(sides: tuple[str, str]) -> Diff:
    return compare_schemas(sides, "collation_version", "database_collation_version")


def test_a_stale_collation_of_the_source_is_a_warning(sides) -> None:
    run(sides[0], *STALE)
    run(sides[1], *FRESH)
    diff = collations(sides)
    assert not diff, diff.report()
    messages = " ".join(diff.facts["warnings"])
    assert "the database records collation version" in messages
    assert "collation public.own records collation version 1, and the source's system" in messages
    assert "None" not in messages
    assert "alter collation public.own refresh version" in messages
    assert len(diff.facts["warnings"]) == 2


def test_a_stale_collation_of_the_target_alone_is_a_finding(sides) -> None:
    run(sides[0], *FRESH)
    run(sides[1], *STALE)
    assert {f.object for f in collations(sides).findings()} == {"this database", "public.own"}


def test_stale_collations_of_both_sides_are_not_equal(sides) -> None:
    for dsn in sides:
        run(dsn, *STALE)
    diff = collations(sides)
    assert {f.object for f in diff.findings()} == {"this database", "public.own"}
    assert len(diff.facts["warnings"]) == 2


def database(dsn: str) -> str:
    return dsn.partition("dbname=")[2].split()[0]


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("session_replication_role", "replica", "foreign keys and triggers do not fire"),
        ("default_transaction_read_only", "on", "sessions cannot write"),
        ("zero_damaged_pages", "on", "rows are lost silently"),
    ],
)
def test_a_harmful_setting_is_a_finding_on_the_target_alone(sides, setting, value, says) -> None:
    kinds = ("database_setting", "server_setting")
    source, target = (f"alter database {database(d)} set {setting} to {value}" for d in sides)
    _run_writable(sides[0], source)
    diff = compare_schemas(sides, *kinds)
    assert not diff, diff.report()
    assert says in diff.facts["warnings"][0]
    _run_writable(sides[1], target)
    diff = compare_schemas(sides, *kinds)
    assert not diff, diff.report()
    assert diff.facts["warnings"]
    _run_writable(sides[0], f"alter database {database(sides[0])} reset {setting}")
    assert setting in {f.object for f in compare_schemas(sides, *kinds).findings()}


def _run_writable(dsn: str, statement: str) -> None:
    run(dsn, "set transaction read write", statement)
