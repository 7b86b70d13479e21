"""Test the generated source: deterministic, and with everything a migration can break."""

import tracemalloc
from collections.abc import Iterator
from itertools import islice

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from support.kgc import PASSWORDS, quiet
from support.servers import Pair, drop_database

from pgcutover.errors import ConfigError, ProvisionError
from pgcutover.setup.demo import generate
from pgcutover.setup.demo.rows import LARGEST_IMAGE_BYTES, Counts
from pgcutover.setup.demo.tables import TABLES
from pgcutover.setup.demo.values import FIRST_INSTANT, REFERENCE_INSTANT, Values


@pytest.fixture(scope="module")
def source_dsn(pair: Pair, kgc_template: str) -> str:
    """A filled source, for tests that only read it."""
    return pair.source.dsn(kgc_template)


@pytest.fixture
def empty_source(pair: Pair) -> Iterator[str]:
    name = "kgc_generated"
    generate.create_source(pair.source.dsn(), PASSWORDS, quiet, database=name)
    yield pair.source.dsn(name)
    drop_database(pair.source, name)


def content(dsn: str) -> dict[str, object]:
    """Return the row count and the sum of row hashes of every table."""
    query = sql.SQL("select count(*), sum(hashtextextended(t::text, 0)) from public.{} t")
    with psycopg.connect(dsn) as conn:
        return {
            t.name: conn.execute(query.format(sql.Identifier(t.name))).fetchone() for t in TABLES
        }


def one(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(query).fetchone()
    return row and row[0]


def test_one_seed_is_one_database(source_dsn: str, empty_source: str) -> None:
    generate.generate(empty_source, scale=1, seed=11, progress=quiet)
    assert content(empty_source) == content(source_dsn)


def test_another_seed_is_another_database(source_dsn: str, empty_source: str) -> None:
    total = generate.generate(empty_source, scale=1, seed=12, progress=quiet)
    other, same = content(empty_source), content(source_dsn)
    assert [name for name in other if other[name] == same[name]] == []
    assert total == sum(row[0] for row in other.values())


def test_scale_one_is_about_fifty_thousand_rows_and_more_is_linear() -> None:
    totals = [sum(Counts(scale).of(t.name) for t in TABLES) for scale in (1, 2, 100)]
    assert 45_000 < totals[0] < 55_000
    assert totals == [totals[0], 2 * totals[0], 100 * totals[0]]


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_rows_are_made_one_at_a_time(table: object) -> None:
    """Ten of at least 12,000 rows; all of the smallest table take 44 MB."""
    tracemalloc.start()
    try:
        assert len(list(islice(table.rows(Values(1, "x"), Counts(100)), 10))) == 10
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 1_000_000


def test_a_filled_source_is_left_alone(source_dsn: str) -> None:
    with pytest.raises(ProvisionError, match=r"public\.users already holds rows"):
        generate.generate(source_dsn, scale=1, seed=11, progress=quiet)


@pytest.mark.parametrize("scale", [0, 101])
def test_a_scale_out_of_range_is_refused(scale: int) -> None:
    with pytest.raises(ConfigError, match=f"scale is {scale}"):
        generate.generate("", scale=scale, seed=1, progress=quiet)


def test_a_database_that_exists_is_left_alone(pair: Pair, kgc_template: str) -> None:
    with pytest.raises(ProvisionError, match="already exists"):
        generate.create_source(pair.source.dsn(), PASSWORDS, quiet, database=kgc_template)
    assert one(pair.source.dsn(kgc_template), "select count(*) from public.users") == 2000


def test_a_role_without_a_password_is_named(pair: Pair) -> None:
    with pytest.raises(ConfigError, match="no password given for dms, kgc_check"):
        generate.create_source(pair.source.dsn(), {"kgc_app": "x"}, quiet)


def test_a_server_that_is_not_there_is_one_sentence(pair: Pair) -> None:
    wrong = make_conninfo(pair.source.dsn(), password="not-it-77aa")
    with pytest.raises(ProvisionError, match="cannot be reached") as failure:
        generate.create_source(wrong, PASSWORDS, quiet)
    assert "not-it-77aa" not in str(failure.value)


def test_a_failure_leaves_no_database(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(dsn: str) -> None:
        raise ProvisionError("half-way")

    monkeypatch.setattr(generate, "_create_schema", fail)
    with pytest.raises(ProvisionError, match="half-way"):
        generate.create_source(pair.source.dsn(), PASSWORDS, quiet, database="kgc_half")
    query = "select count(*) from pg_database where datname = 'kgc_half'"
    assert one(pair.source.dsn(), query) == 0


FEATURES = {
    "NULL and the empty string side by side":
        "select bool_or(family_name is null) and bool_or(family_name = '') from users",
    "unicode beyond the basic plane": "select bool_or(display_name ~ '👩') from users",
    "two spellings of one name": "select count(distinct display_name) > 1 from users"
        " where normalize(display_name) like 'José Müller'",
    "names from right to left": "select bool_or(display_name ~ 'محمد') from users",
    "trailing spaces": "select bool_or(title ~ ' $') from care_plan_directives",
    "tabs, newlines, backslashes": "select bool_or(bio ~ E'\\t') and bool_or(bio ~ E'\\r\\n')"
        " and bool_or(bio ~ '\\\\') and bool_or(bio ~ '\\\\N') from users",
    "long text": "select max(length(content)) > 8192 from chat_memory",
    "the last microsecond of a month": "select count(*) > 10 from health_metrics"
        " where recorded_at + interval '1 microsecond' = date_trunc('month', recorded_at, 'UTC')"
        " + interval '1 month'",
    "both sides of a clock change": "select count(distinct recorded_at) >= 3 from health_metrics"
        " where recorded_at between '2025-10-04 15:59:59.9+00' and '2025-10-04 16:00:00.1+00'",
    "microseconds that are no milliseconds": "select count(*) > 15000 from health_metrics"
        " where extract(microseconds from recorded_at)::bigint % 1000 <> 0",
    "numbers that differ by scale alone": "select count(distinct value::text)"
        " > count(distinct value) from health_metrics",
    "decimals in jsonb that differ by scale alone": "select bool_or("
        "metrics::text ~ '1\\.0, 1\\.00') from patient_progress_reports",
    "nested jsonb with NULL and ''": "select bool_or(metrics #> '{flags,n}' = 'null')"
        " and bool_or(metrics->>'note' = '') from patient_progress_reports",
    "images above 32 kB": "select count(*) > 10 from motivational_images"
        " where octet_length(image) between 32769 and 1048576",
    "images above 1 MB": "select count(*) >= 3 from motivational_images"
        " where octet_length(image) > 1048576",
    "the generated column": "select bool_and(byte_count = octet_length(image))"
        " from motivational_images",
    "embeddings": "select count(*) > 1000 from chat_memory where array_length(embedding, 1) = 64",
    "blank-padded characters": "select bool_and(octet_length(platform) = 8)"
        " from \"userDevices\"",
    "open and closed date ranges": "select bool_or(upper_inf(period)) and"
        " bool_or(not upper_inf(period)) from patient_progress_reports",
    "rows that nothing tells apart": "select count(*) > count(distinct f::text)"
        " from feature_usage f",
    "self-references": "select count(*) > 100 from users where referred_by is not null",
    "every role": "select count(distinct role) = 4 from user_roles",
    "arrays with '' and separators": "select bool_or('' = any(tags) and 'comma,' = any(tags))"
        " from user_content_preferences",
    "every directive has a doctor": "select count(*) = 0 from care_plan_directives d"
        " where not exists (select from users u where u.id = d.doctor_id)",
    "a populated materialized view": "select count(*) = 120 from content_engagement",
    "statistics": "select bool_and(reltuples >= 0) from pg_class"
        " where relnamespace = 'public'::regnamespace and relkind in ('r', 'm')",
}  # fmt: skip


@pytest.mark.parametrize("feature", FEATURES)
def test_the_data_has(source_dsn: str, feature: str) -> None:
    assert one(source_dsn, FEATURES[feature]) is True


def test_nothing_is_there_that_dms_is_documented_to_lose(source_dsn: str) -> None:
    columns = """
        select c.relname, a.attname, a.atttypid::regtype::text from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0
          and a.atttypid::regtype::text in
              ('timestamp with time zone', 'timestamp without time zone', 'date', 'numeric')
    """
    with psycopg.connect(source_dsn) as conn:
        for table, column, kind in conn.execute(columns).fetchall():
            fits = "scale({0}) <= 6 and abs({0}) < 1e22" if kind == "numeric" else "isfinite({0})"
            query = sql.SQL("select coalesce(bool_and(" + fits + "), true) from public.{1}").format(
                sql.Identifier(column), sql.Identifier(table)
            )
            assert conn.execute(query).fetchone() == (True,), (table, column)


def test_the_past_ends_at_the_reference_instant(source_dsn: str) -> None:
    with psycopg.connect(source_dsn) as conn:
        query = "select min(recorded_at), max(recorded_at) from health_metrics"
        first, last = conn.execute(query).fetchone() or (None, None)
    assert FIRST_INSTANT <= first <= last < REFERENCE_INSTANT


def test_no_sequence_is_behind_its_column(source_dsn: str) -> None:
    owned = """
        select s.seqrelid::regclass::text, t.relname, a.attname from pg_sequence s
        join pg_depend d on d.objid = s.seqrelid and d.deptype in ('a', 'i')
        join pg_class t on t.oid = d.refobjid
        join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
    """
    with psycopg.connect(source_dsn) as conn:
        found = conn.execute(owned).fetchall()
        for sequence, table, column in found:
            query = sql.SQL("select max({}) from {}").format(
                sql.Identifier(column), sql.Identifier("public", table)
            )
            last = conn.execute(f"select last_value, is_called from {sequence}").fetchone()
            assert last == ((conn.execute(query).fetchone() or (0,))[0], True), sequence
    assert len(found) == 12


def test_the_standalone_sequence_is_ahead_of_every_row(source_dsn: str) -> None:
    ahead = """
        select (select last_value from invitation_number_seq)
             - (select max(invitation_number) from patient_invitations)
    """
    assert one(source_dsn, ahead) == 37


def test_no_row_is_larger_than_what_the_largest_says(source_dsn: str) -> None:
    query = "select max(octet_length(image)) from motivational_images"
    assert one(source_dsn, query) == LARGEST_IMAGE_BYTES


def test_the_application_owns_nothing(source_dsn: str) -> None:
    query = """
        select array_agg(distinct pg_get_userbyid(relowner)) from pg_class
        where relnamespace = 'public'::regnamespace
    """
    assert one(source_dsn, query) == ["kgc_owner"]
    assert conninfo_to_dict(source_dsn)["user"] == "postgres"
