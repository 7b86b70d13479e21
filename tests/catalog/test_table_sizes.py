"""Test the estimated sizes that decide which table is compared first."""

import psycopg

from pgcutover.catalog.table_sizes import read_table_sizes
from pgcutover.mapping import MappedTable, RelationName

TABLES = """
create table known (i int) with (autovacuum_enabled = off);
insert into known select generate_series(1, 1000);
analyze known;
create table never (i int) with (autovacuum_enabled = off);
insert into never select generate_series(1, 100000);
create table parts (i int) partition by range (i);
create table part_1 partition of parts for values from (0) to (100);
create table part_2 partition of parts for values from (100) to (1000);
insert into parts select generate_series(0, 999);
analyze part_1, part_2;
"""


def test_each_kind_of_table_has_a_size(databases):
    names = [RelationName("public", n) for n in ("known", "never", "parts", "no_such")]
    tables = [MappedTable(name, RelationName("moved", name.name), ()) for name in names]
    with psycopg.connect(databases.source) as connection:
        connection.execute(TABLES)
    found = read_table_sizes(databases.source, tables)
    assert set(found) == {"moved.known", "moved.never", "moved.parts"}
    assert 10_000 < found["moved.never"].rows < 1_000_000
    assert (found["moved.known"].rows, found["moved.parts"].rows) == (1_000, 1_000)
    assert found["moved.never"].bytes > found["moved.parts"].bytes > 8_192


def test_no_table_and_no_server_have_no_sizes(databases):
    tables = [MappedTable(RelationName("public", "a"), RelationName("public", "a"), ())]
    assert read_table_sizes(databases.source, []) == {}
    assert read_table_sizes("host=localhost port=1 connect_timeout=2", tables) == {}
