"""Test that KGC's suites pass on the demo's data and fail on each kind of damage."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

import pgcutover.setup
from pgcutover.config import load_rules, load_settings
from pgcutover.connect import open_session
from pgcutover.gx.engine import TargetExpectations
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.setup.demo.actions import WEIGHTED, Hand

# next to setup/, in a checkout and in an installed package
SETTINGS = load_settings(Path(pgcutover.setup.__path__[0]).parent / "migration.toml")
FOLDER = SETTINGS.resolve(SETTINGS.expectations)
SUITES = sorted(path.stem for path in FOLDER.glob("*.json"))


class Kgc(NamedTuple):
    """KGC's target, and the tables that the mapping rules name there."""

    dsn: str
    tables: Sequence[MappedTable]

    def judge(self, name: str):
        (table,) = (t for t in self.tables if str(t) == name)
        engine = TargetExpectations(lambda: open_session(self.dsn), FOLDER, self.tables)
        return engine.meets(table)


@pytest.fixture(scope="module")
def mapped(pair, kgc_template) -> Sequence[MappedTable]:
    columns: dict[RelationName, list[str]] = {}
    with psycopg.connect(pair.source.dsn(kgc_template)) as conn:
        for schema, name, column in conn.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
            " join information_schema.tables using (table_schema, table_name)"
            " where table_schema = 'public' and table_type = 'BASE TABLE'"
        ):
            columns.setdefault(RelationName(schema, name), []).append(column)
    return load_rules(SETTINGS).resolve(columns)


@pytest.fixture
def loaded(pair, kgc_loaded_template, mapped) -> Kgc:
    """The loaded target, for tests that only read it."""
    return Kgc(pair.target.dsn(kgc_loaded_template), mapped)


@pytest.fixture
def kgc(kgc_target, mapped) -> Kgc:
    """A loaded target for one test."""
    return Kgc(kgc_target, mapped)


@pytest.mark.parametrize("name", SUITES)
def test_the_loaded_target_meets_every_suite(loaded, name):
    diff = loaded.judge(name)
    assert not diff, diff.report()
    assert diff.judged >= 9


def test_what_the_application_writes_meets_every_suite(kgc):
    with psycopg.connect(kgc.dsn, options="-c search_path=public,auth,health,audit") as conn:
        conn.execute(  # a mover copies only rows; the gate's steps do the rest
            "select setval(format('%I.%I', schemaname, sequencename)::regclass, 1000000)"
            " from pg_sequences"
        )
        hand = Hand(conn, seed=3)
        for _, action in WEIGHTED:
            for _ in range(12):
                with conn.transaction():
                    action(hand)
    reports = [diff.report() for name in SUITES if (diff := kgc.judge(name))]
    assert reports == []


@pytest.mark.parametrize(
    ("name", "damage", "broken"),
    [
        ("auth.users", "update auth.users set locale = 'en_AU' where id = 5", "match_regex"),
        ("auth.users", "update auth.users set created_at = 'infinity' where id = 5", "between"),
        ("auth.user_roles", "truncate auth.user_roles", "row_count"),
        (
            "health.health_metrics",
            "update health.health_metrics set value = value * 100 where metric = 'heart_rate'",
            "between",
        ),
        (
            "health.health_metrics",
            "update health.health_metrics set unit = 'mg/dL' where metric = 'glucose'",
            "pair_values_to_be_in_set",
        ),
        (
            "health.health_metrics",
            "update health.health_metrics set recorded_at = '1970-01-01' where id = 9",
            "between",
        ),
        (
            "public.patient_progress_reports",
            "update patient_progress_reports set metrics = '{}' where id = 9",
            "match_regex",
        ),
        (
            "public.chat_memory",
            "update chat_memory set metadata = '\"lost\"' where id = 9",
            "match_regex",
        ),
        (
            "audit.admin_activity_log",
            "update audit.admin_activity_log set action = '' where id = 9",
            "match_regex",
        ),
        (
            "public.userDevices",
            "update \"userDevices\" set platform = 'IOS' where id = 9",
            "in_set",
        ),
    ],
)
def test_a_damaged_target_does_not(kgc, name, damage, broken):
    with psycopg.connect(kgc.dsn) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute(damage)
    (finding,) = kgc.judge(name).findings()
    assert broken in finding.kind
