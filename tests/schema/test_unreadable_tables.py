"""Test that the expected schema is complete if the gate's role cannot read some source tables."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from compare.lab import Lab, laboratory, run
from psycopg import connect
from psycopg.conninfo import make_conninfo
from support.servers import Pair

from pgcutover.schema.collect import recipe_of
from pgcutover.schema.compare import differences
from pgcutover.schema.expected.build import Expected, expected_schema
from pgcutover.schema.kinds import KINDS

Reader = Callable[..., str]
# table parts that the zoo lacks
EXTRAS = (
    "create function app.touch() returns trigger language plpgsql as 'begin return new; end'",
    "create trigger touch before update on app.ledger for each row execute function app.touch()",
    "alter table app.ledger disable trigger touch",
    "create rule keep as on delete to app.ledger do instead nothing",
    "alter table app.ledger enable row level security",
    "create policy mine on app.ledger for select using (cents > 0)",
    "create statistics app.correlated on account_id, cents from app.ledger",
    "alter table app.ledger alter idem set storage external, alter cents set statistics 500",
    "alter table app.ledger set (fillfactor = 70)",
    "alter table app.ledger replica identity full",
    "alter table app.ledger add constraint positive check (cents > 0) not valid",
    "comment on column app.ledger.cents is 'money'",
    "grant select (cents), update on app.ledger to public",
    "create view app.sums as select account_id, sum(cents) as cents from app.ledger group by 1",
    "create materialized view app.counted as select count(*) as n from app.sums",
    "create function app.rows_of(app.ledger) returns int language sql as 'select 1'",
    "create type app.pair as (one app.ledger, other int)",
    "create publication feed for table app.ledger",
    "create index invalid on app.ledger (at)",
)

# a schema that the mapping excludes, and that the role may not even enter
OUTSIDE = (
    "create table outside.numbered (id serial primary key, n int generated always as identity)",
    "create table outside.parted (id int) partition by list (id)",
    "create table outside.part partition of outside.parted for values in (1)",
    "create sequence outside.loose",
    "create view outside.seen as select * from outside.numbered",
    "create materialized view outside.kept as select * from outside.numbered",
    "create domain outside.positive as int check (value > 0)",
    "create function outside.f(outside.numbered) returns int language sql as 'select 1'",
    "alter table outside.numbered enable row level security",
    "create policy mine on outside.numbered using (id in (select id from outside.parted))",
    "create statistics outside.both on id, n from outside.numbered",
    "revoke all on schema outside from public",
)


@pytest.fixture
def lab(pair: Pair) -> Iterator[Lab]:
    with laboratory(pair, own_source=True) as made:
        yield made


@pytest.fixture
def reader(lab: Lab) -> Iterator[Reader]:
    """A role that may use the schemas, and read some tables only."""
    role = f"reader_{uuid4().hex[:8]}"

    def create(*readable: str) -> str:
        run(lab.source, f"create role {role} login password 'throw-away'")
        run(lab.source, *(f"grant usage on schema {s} to {role}" for s in ("app", "lib")))
        run(lab.source, *(f"grant select on {table} to {role}" for table in readable))
        return make_conninfo(lab.source, user=role, password="throw-away")

    admin = lab.source
    yield create
    run(admin, f"drop owned by {role}", f"drop role {role}")


def build(lab: Lab, source: str) -> Expected:
    scratch = make_conninfo(lab.target, dbname="postgres")
    recipe = recipe_of(source, lab.target, lab.manifest(), None, scratch)
    return expected_schema(recipe, lambda _: None)


def found(one: Expected, other: Expected) -> list[str]:
    kinds = [kind.name for kind in KINDS]
    return [str(d) for d in differences(one.snapshot, other.snapshot, kinds)]


def test_without_select_on_any_table_the_same_schema_is_expected(lab: Lab, reader: Reader) -> None:
    dsn = reader()
    run(lab.source, *EXTRAS)
    run(
        lab.source,
        "update pg_index set indisvalid = false where indexrelid = 'app.invalid'::regclass",
    )
    whole, limited = build(lab, lab.source), build(lab, dsn)
    assert found(whole, limited) == []
    assert limited.moved == whole.moved
    assert limited.invalid == whole.invalid == ("core.invalid",)


def test_an_unreadable_table_makes_no_schema_check_unknown(lab: Lab, reader: Reader) -> None:
    with connect(lab.source) as source:
        tables = source.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname in ('app', 'lib') and tablename <> 'ledger'"
        ).fetchall()
    run(lab.source, *OUTSIDE)
    lab.source = reader(*(name for (name,) in tables))
    results = lab.judge("schema")
    assert (results.red, results.unknown) == ({}, {})
    run(lab.target, "alter table core.ledger alter cents drop not null")
    assert set(lab.judge("schema").red) == {"SCHEMA-COLUMNS[core.ledger]"}
