"""Creates the compared table on both servers, and differences in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "max_connections": "40",
    "autovacuum": "off",
}
COLUMNS = ("name", "code", "amount", "payload", "ratio", "at", "seen_at", "digest", "small")
_TABLE = """
create table {t} (
    id bigint not null, name text, code varchar(40), amount numeric(10,3), payload jsonb,
    ratio double precision, at timestamptz, seen_at timestamptz, digest text, small int
)
"""
_ROWS = """
insert into {t}
select 2 * i, case when i % 7 <> 0 then 'name ' || i end, 'v' || (i * 7919 % 100003),
       (i % 100000 / 1000.0)::numeric(10,3),
       case when i % 11 <> 0 then jsonb_build_object('a', i, 'b', 'x' || i % 10) end,
       i * 1.1, timestamptz '2020-01-01 00:00:00+00' + i * interval '1 s',
       case when i % 5 <> 0 then timestamptz '2021-01-01 00:00:00+00' + i * interval '1 ms' end,
       md5(i::text), i % 1000
from generate_series(1, {n}::bigint) i
"""
# every n-th row is changed, deleted or doubled in turn; rows have even keys only
_SCATTER = (
    "update {t} set amount = amount + 0.001 where id % {step} = 0 and id / {step} % 3 = 0",
    "delete from {t} where id % {step} = 0 and id / {step} % 3 = 1",
    "insert into {t} select id - 1, name, code, amount, payload, ratio, at, seen_at, digest, small"
    " from {t} where id % {step} = 0 and id / {step} % 3 = 2",
)


def make(dsn: str, table: str, rows: int) -> None:
    """Create a table with a number of rows and a primary key, vacuumed and analyzed."""
    name = sql.Identifier(table)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set maintenance_work_mem = '512MB'")
        connection.execute(sql.SQL("drop table if exists {}").format(name))
        connection.execute(sql.SQL(_TABLE).format(t=name))
        connection.execute(sql.SQL(_ROWS).format(t=name, n=sql.Literal(rows)))
        connection.execute(sql.SQL("alter table {} add primary key (id)").format(name))
        connection.execute(sql.SQL("vacuum (analyze, freeze) {}").format(name))
        connection.execute("checkpoint")


def drop(dsn: str, table: str) -> None:
    """Drop a table."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("drop table {}").format(sql.Identifier(table)))


@contextmanager
def scattered(dsn: str, table: str, rows: int, differences: int) -> Iterator[dict[str, int]]:
    """Make about so many rows differ and yield their numbers by kind; undo it afterwards."""
    name, step = sql.Identifier(table), 2 * max(rows // differences, 2)
    kept = sql.Identifier(f"{table}_kept")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create table {} as select * from {} where id % {} = 0").format(
                kept, name, sql.Literal(step)
            )
        )
        counts = {
            kind: connection.execute(
                sql.SQL(statement).format(t=name, step=sql.Literal(step))
            ).rowcount
            for kind, statement in zip(("changed", "missing", "extra"), _SCATTER, strict=True)
        }
        connection.execute(sql.SQL("vacuum (analyze) {}").format(name))
        try:
            yield counts
        finally:
            for statement in (
                "delete from {t} where id % 2 = 1 or id % {step} = 0",
                "insert into {t} select * from {kept}",
                "drop table {kept}",
                "vacuum (analyze) {t}",
            ):
                connection.execute(
                    sql.SQL(statement).format(t=name, step=sql.Literal(step), kept=kept)
                )


def make_small(dsn: str, tables: int, rows: int) -> None:
    """Create many small tables in schema `small`."""
    with psycopg.connect(dsn) as connection:
        connection.execute("create schema small")
        for n in range(tables):
            connection.execute(
                sql.SQL(
                    "create table small.{} as select i as id, 'row ' || i as name,"
                    " timestamptz '2020-01-01 00:00:00+00' as at from generate_series(1, {}) i"
                ).format(sql.Identifier(f"t{n}"), sql.Literal(rows))
            )
            connection.execute(
                sql.SQL("alter table small.{} add primary key (id)").format(sql.Identifier(f"t{n}"))
            )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
