"""Test that all checks of a table run on one worker, the largest table first."""

import json
from collections import defaultdict
from types import SimpleNamespace

import psycopg
import pytest
from support.shop import create_shop

from pgcutover.mapping import MappedTable, RelationName
from pgcutover.plugin.scheduling import TableScheduling, parameter_id, tables_by_id

# special characters of node ids, xdist's groups and ASCII terminals
ODD_NAMES = ("odd]name[", "a::b", "at@home", "naïve", "100%", "back\\slash", "x%5Dy", "Ω-1")
ODD_TABLES = "".join(
    f'create table shop."{name}" (id int primary key, up int references shop."{name}");'
    f'insert into shop."{name}" select i, i from generate_series(1, 50) i;'
    f'create index on shop."{name}" (up);'
    for name in ODD_NAMES
)


@pytest.fixture
def shop(migration):
    """A shop and tables with unusual names, as the migration's only schema."""
    for dsn in (migration.databases.source, migration.databases.target):
        create_shop(dsn, 50_000)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("drop table public.visits, public.people")
            connection.execute(ODD_TABLES.encode())
            connection.execute("analyze")
            connection.execute("select pg_stat_reset()")
    mapping = migration.folder / "mapping.json"
    rules = json.loads(mapping.read_text())
    rules["rules"][0]["object-locator"]["schema-name"] = "shop"
    mapping.write_text(json.dumps(rules))
    toml = migration.folder / "migration.toml"
    toml.write_text(toml.read_text().partition("[tables")[0])
    return migration


def workers_of(outcome) -> dict[str, set[str]]:
    found = defaultdict(set)
    for result in outcome.document["results"]:
        if result["table"]:
            found[result["table"]].add(result["worker"])
    return found


def rows_read_on_the_source(migration) -> dict[str, int]:
    """Return how often each table of the shop was read whole; a key's maximum is one row more."""
    with psycopg.connect(migration.databases.source) as connection:
        return dict(
            connection.execute(
                "select c.relname, floor((coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))"
                " / c.reltuples) from pg_stat_user_tables join pg_class c on c.oid = relid"
                " where c.relname ~ '^[a-z_]+$'"
            ).fetchall()
        )


def test_a_table_is_read_once_by_one_worker_and_the_largest_comes_first(shop):
    outcome = shop.gate("-n", "2")
    assert (outcome.code, outcome.verdict) == (0, "PASS"), outcome.text
    workers = workers_of(outcome)
    assert set(workers) >= {f"shop.{name}" for name in ODD_NAMES}
    assert {table: on for table, on in workers.items() if len(on) > 1} == {}
    assert {worker for on in workers.values() for worker in on} == {"gw0", "gw1"}
    with_it = [table for table, on in workers.items() if on == workers["shop.order_items"]]
    assert with_it[0] == "shop.order_items"
    reads = rows_read_on_the_source(shop)
    assert len(reads) == 10
    assert {table: times for table, times in reads.items() if times != 1} == {}


def test_another_distribution_does_not_split_a_table(migration):
    outcome = migration.gate("-n", "2", "--dist", "loadgroup")
    assert (outcome.code, outcome.verdict) == (0, "PASS"), outcome.text
    assert [on for on in workers_of(outcome).values() if len(on) > 1] == []


class Node:
    """An xdist worker with the interface that the scheduler uses."""

    shutting_down = False

    def __init__(self, name: str):
        self.gateway = SimpleNamespace(id=name)
        self.sent: list[int] = []

    def send_runtest_some(self, indices):
        self.sent += indices

    def shutdown(self):
        self.shutting_down = True


def test_a_worker_gets_its_next_table_when_one_check_is_left():
    checks = [f"test_{n}.py::test[{table}]" for table in "abc" for n in range(4)]
    option = SimpleNamespace(loadscopereorder=True, tx=["2*popen"])
    config = SimpleNamespace(option=option, getvalue=lambda name: getattr(option, name))
    scheduling = TableScheduling(config, None, {name: name for name in "abc"})
    one, other = nodes = Node("gw0"), Node("gw1")
    for node in nodes:
        scheduling.add_node(node)
    for node in nodes:
        scheduling.add_node_collection(node, checks)
    scheduling.schedule()
    assert (one.sent, other.sent) == ([0, 1, 2, 3], [4, 5, 6, 7])
    for done in (4, 5):
        scheduling.mark_test_complete(other, done)
        assert len(other.sent) == 4
    scheduling.mark_test_complete(other, 6)
    assert other.sent == [4, 5, 6, 7, 8, 9, 10, 11]
    assert one.sent == [0, 1, 2, 3]
    scheduling.mark_test_complete(one, 0)
    assert one.shutting_down


def test_a_parameter_id_is_ascii_and_unique():
    ids = [parameter_id(f"shop.{name}") for name in ODD_NAMES]
    assert len(set(ids)) == len(ids)
    for each in ids:
        assert each.encode("unicode_escape").decode("ascii") == each
        assert not set(each) & set("[]:")


def test_a_table_goes_before_an_object_of_the_same_name():
    one, other = (MappedTable(RelationName("s", n), RelationName("s", n), ()) for n in "ab")

    class Index:
        table = other

        def __str__(self):
            return "s.a"

    assert tables_by_id({"table": [one, other], "index": [Index()]}) == {"s.a": "s.a", "s.b": "s.b"}
