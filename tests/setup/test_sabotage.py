"""Test that each fault breaks only what its description names."""

import psycopg
import pytest
from psycopg import sql
from support.kgc import MOVED
from support.servers import Pair

from pgcutover.errors import ConfigError, ProvisionError
from pgcutover.setup.demo import sabotage
from pgcutover.setup.demo.tables import TABLES

BREAKS = {
    "row-deleted": {"public.recommendations"},
    "row-added": {"audit.admin_activity_log"},
    "row-swapped-for-another": {"public.user_favorites"},
    "duplicate-row": {"public.feature_usage"},
    "null-turned-empty": {"auth.users"},
    "microsecond-lost": {"health.health_metrics"},
    "trailing-space": {"health.care_plan_directives"},
    "numeric-scale": {"health.health_metrics"},
    "values-swapped": {"public.patient_progress_reports"},
    "time-zone-shift": {"public.emergency_events"},
    "bytea-truncated": {"public.motivational_images"},
    "mojibake": {"auth.users"},
    "newest-rows-missing": {"health.health_metrics"},
    "stale-row": {"public.progress_milestones"},
    "index-dropped": {"indexes"},
    "index-not-unique": {"indexes"},
    "foreign-key-dropped": {"constraints"},
    "improvements-missing": {"indexes", "constraints"},
    "foreign-key-not-validated": {"constraints"},
    "orphans": {"auth.users"},
    "foreign-key-disabled": {"triggers", "public.recommendations"},
}
SAME_COUNT = {
    "row-swapped-for-another", "null-turned-empty", "microsecond-lost", "trailing-space",
    "numeric-scale", "values-swapped", "time-zone-shift", "bytea-truncated", "mojibake",
    "stale-row", "foreign-key-disabled",
}  # fmt: skip
_CATALOG = {
    "indexes": "select pg_get_indexdef(indexrelid) from pg_index",
    "constraints": "select conname || convalidated::text || pg_get_constraintdef(oid)"
    " from pg_constraint where conname !~ '^pg_'",
    "triggers": "select tgname || tgenabled::text from pg_trigger where not tgisinternal"
    " union all select tgrelid::regclass || tgenabled::text from pg_trigger where tgisinternal"
    " and tgrelid = 'public.recommendations'::regclass",
}


def state(dsn: str) -> dict[str, tuple[int, object]]:
    """Return count and content of every table, and of all other objects that a fault can break."""
    rows = sql.SQL("select count(*), sum(hashtextextended(t::text, 0)) from {} t")
    found: dict[str, tuple[int, object]] = {}
    with psycopg.connect(dsn) as conn:
        for table in TABLES:
            schema = MOVED.get(table.name, "public")
            query = rows.format(sql.Identifier(schema, table.name))
            found[f"{schema}.{table.name}"] = conn.execute(query).fetchone() or (0, None)
        for name, text in _CATALOG.items():
            found[name] = (0, sorted(conn.execute(text).fetchall()))
    return found


@pytest.fixture(scope="module")
def healthy(pair: Pair, kgc_loaded_template: str) -> dict[str, tuple[int, object]]:
    return state(pair.target.dsn(kgc_loaded_template))


def test_every_fault_is_tried_here() -> None:
    assert set(sabotage.names()) == set(BREAKS)


@pytest.mark.parametrize("name", BREAKS)
def test_a_fault_breaks_what_it_says(
    kgc_target: str, healthy: dict[str, tuple[int, object]], name: str
) -> None:
    sabotage.apply(kgc_target, name)
    broken = state(kgc_target)
    assert {key for key in broken if broken[key] != healthy[key]} == BREAKS[name]
    if name in SAME_COUNT:
        assert {k: v[0] for k, v in broken.items()} == {k: v[0] for k, v in healthy.items()}


@pytest.mark.parametrize("name", BREAKS)
def test_the_description_names_where(name: str) -> None:
    description = sabotage.names()[name]
    assert 20 < len(description) < 100
    named = [object_ for object_ in BREAKS[name] if "." in object_]
    assert any(object_ in description for object_ in named) or not named or name == "orphans"


def test_a_fault_twice_is_still_a_fault(
    kgc_target: str, healthy: dict[str, tuple[int, object]]
) -> None:
    for _ in range(2):
        sabotage.apply(kgc_target, "values-swapped")
    assert state(kgc_target) == healthy  # swapped back: the fault selects its rows by order


def test_a_fault_with_nothing_to_break_is_an_error(kgc_target: str) -> None:
    with psycopg.connect(kgc_target) as conn:
        conn.execute("set session_replication_role = replica")
        conn.execute("delete from public.recommendations")
    with pytest.raises(ProvisionError, match="row-deleted found no row"):
        sabotage.apply(kgc_target, "row-deleted")


def test_an_unknown_name_offers_the_closest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'trailing-space'"):
        sabotage.check_name("traling_space")
