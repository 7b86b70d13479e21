"""Test KGC's target on real servers, from the source's schema to the last post-load script."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from support.kgc import MOVED, PASSWORDS, SCRIPTS, quiet
from support.servers import Pair

from pgcutover.provision.applied_steps import journal
from pgcutover.provision.phases import finish_target, prepare_target

_USER = "n.nspname !~ '^(pg_|information_schema|pgcutover)'"
_INDEXES = f"""
    select c.relname, pg_get_indexdef(c.oid) from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('i', 'I') and not c.relispartition and {_USER}
"""
_FOREIGN_KEYS = f"""
    select k.conname, k.confdeltype::text || k.convalidated::text from pg_constraint k
    join pg_namespace n on n.oid = k.connamespace
    where k.contype = 'f' and k.conparentid = 0 and {_USER}
"""
_TRIGGERS = f"""
    select t.tgname, n.nspname || ' ' || t.tgenabled::text from pg_trigger t
    join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where not t.tgisinternal and {_USER}
"""
_COLUMNS = f"""
    select c.relname || '.' || a.attname,
           format_type(a.atttypid, a.atttypmod) || a.attnotnull::text || a.attidentity::text
               || a.attgenerated::text
               || a.attnum::text || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm')
      and not c.relispartition and {_USER}
"""
_GRANTS = f"""
    select c.relname, array(select x::text from unnest(c.relacl) x
                            where x::text not like 'kgc_owner=%' order by 1)::text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'S') and not c.relispartition and {_USER}
"""


@pytest.fixture(scope="module")
def source_dsn(pair: Pair, kgc_template: str) -> str:
    return pair.source.dsn(kgc_template)


@pytest.fixture(scope="module")
def done(pair: Pair, kgc_loaded_template: str) -> str:
    """The DSN of the finished target, for tests that only read it."""
    return pair.target.dsn(kgc_loaded_template)


@pytest.fixture
def master(pair: Pair, empty_target: Callable[[], str]) -> Iterator[str]:
    """The DSN of a target as on RDS: its master user is no superuser."""
    dsn = empty_target()
    with psycopg.connect(pair.target.dsn(), autocommit=True) as conn:
        conn.execute("create role rds_like_master login createrole password 'throw-away'")
        conn.execute("grant kgc_owner, kgc_app to rds_like_master with admin option")
        yield make_conninfo(dsn, user="rds_like_master", password="throw-away")
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        conn.execute(sql.SQL("drop database {}").format(sql.Identifier(str(name))))
        conn.execute("drop role rds_like_master")


def found(dsn: str, query: str) -> dict[str, str]:
    with psycopg.connect(dsn) as conn:
        conn.execute("set search_path = ''")
        return {str(key): str(value) for key, value in conn.execute(query).fetchall()}


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query).fetchone()
    return row and row[0]


def renamed(text: str) -> str:
    """Return a definition of the source with the target's names."""
    for table, schema in MOVED.items():
        text = text.replace(f"public.{table} ", f"{schema}.{table} ")
        text = text.replace(f"public.{table}_id_seq", f"{schema}.{table}_id_seq")
    return text


def test_each_table_is_where_the_migration_wants_it(done: str) -> None:
    query = f"""
        select c.relname, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and not c.relispartition and {_USER}
    """
    places = found(done, query)
    assert {name for name, schema in places.items() if schema != "public"} == set(MOVED)
    assert places.items() >= MOVED.items()
    assert len(places) == 19


def test_columns_are_the_same(source_dsn: str, done: str) -> None:
    source = {key: renamed(text) for key, text in found(source_dsn, _COLUMNS).items()}
    assert found(done, _COLUMNS) == source


def test_every_index_is_back_with_its_definition(source_dsn: str, done: str) -> None:
    source, target = found(source_dsn, _INDEXES), found(done, _INDEXES)
    added = {"idx_health_metrics_date", "idx_health_metrics_user_id_date"}
    assert set(target) == set(source) | added
    assert "(id, recorded_at)" in target["health_metrics_pkey"]
    partitioned = {"health_metrics_pkey", "health_metrics_user_id_metric_idx", *added}
    same = {name: renamed(text) for name, text in source.items() if name not in partitioned}
    assert {name: target[name] for name in same} == same


def test_every_foreign_key_is_back_and_the_new_one_is_there(source_dsn: str, done: str) -> None:
    source = found(source_dsn, _FOREIGN_KEYS)
    assert found(done, _FOREIGN_KEYS) == source | {"fk_cpd_doctor": "atrue"}
    assert {action[0] for action in source.values()} == set("arcnd")


def test_triggers_are_back_and_on(source_dsn: str, done: str) -> None:
    assert set(found(source_dsn, _TRIGGERS)) == set(found(done, _TRIGGERS))
    assert {state[-1] for state in found(done, _TRIGGERS).values()} == {"O"}


def test_owners_and_privileges_are_the_same(source_dsn: str, done: str) -> None:
    assert found(done, _GRANTS) == found(source_dsn, _GRANTS)
    owners = f"""
        select distinct pg_get_userbyid(c.relowner) from pg_class c
        join pg_namespace n on n.oid = c.relnamespace where {_USER}
    """
    assert one(done, owners) == "kgc_owner"


def test_every_month_of_the_data_and_the_next_has_a_partition(done: str) -> None:
    assert one(done, "select count(*) from only health.health_metrics") == 0
    assert one(done, "select count(*) from health.health_metrics_default") == 0
    assert one(done, "select count(*) from health.health_metrics") == 20_000
    ahead = """
        select to_regclass('health.health_metrics_'
            || to_char(now() at time zone 'UTC' + interval '1 month', 'YYYY_MM')) is not null
    """
    assert one(done, ahead) is True


def test_partition_bounds_are_months_of_utc(done: str) -> None:
    bound = """
        select pg_get_expr(relpartbound, oid) from pg_class where relname = 'health_metrics_2025_01'
    """
    in_sydney = make_conninfo(done, options="-c timezone=Australia/Sydney")
    assert "2025-01-01 11:00:00+11" in str(one(in_sydney, bound))


def test_views_follow_the_tables(source_dsn: str, done: str) -> None:
    for view in ("active_patients", "content_engagement"):
        query = f"select count(*) from public.{view}"
        assert one(done, query) == one(source_dsn, query) != 0


def test_statistics_are_there(done: str) -> None:
    stale = f"""
        select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'm') and c.reltuples < 0 and not c.relispartition and {_USER}
    """
    assert one(done, stale) == 0


def test_the_application_writes_with_the_names_it_always_used(
    pair: Pair, kgc_loaded_template: str
) -> None:
    dsn = pair.target.dsn(kgc_loaded_template, "kgc_app", PASSWORDS["kgc_app"])
    with psycopg.connect(dsn) as conn:
        conn.execute(
            "insert into health_metrics (user_id, metric, value, unit, recorded_at)"
            " values (5, 'weight', 70.0, 'kg', now())"
        )
        partition = conn.execute(
            "select tableoid::regclass::text from health_metrics where recorded_at = now()"
        ).fetchone()
        assert "health_metrics_2" in str(partition)
        conn.rollback()


def test_a_finished_target_is_found_finished(done: str, source_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(done, autocommit=True) as conn:
        before = journal(conn)
        again = prepare_target(
            conn, source_dsn=source_dsn, scripts=SCRIPTS, evidence=tmp_path, progress=quiet
        )
        assert again == []
        assert finish_target(conn, scripts=SCRIPTS, progress=quiet) == []
        assert journal(conn) == before
    assert [a.name for a in before] == [
        "source/pre-data.sql",
        "source/post-data.sql",
        *(f"pre-load/{path.name}" for path in sorted((SCRIPTS / "pre-load").iterdir())),
        "deferred/dropped",
        "deferred/created",
        *(f"post-load/{path.name}" for path in sorted((SCRIPTS / "post-load").iterdir())),
    ]


def test_no_superuser_is_needed(master: str, source_dsn: str, tmp_path: Path) -> None:
    with psycopg.connect(master, autocommit=True) as conn:
        prepare_target(
            conn, source_dsn=source_dsn, scripts=SCRIPTS, evidence=tmp_path, progress=quiet
        )
        finish_target(conn, scripts=SCRIPTS, progress=quiet)
        assert {a.applied_by for a in journal(conn)} == {"rds_like_master"}
