"""Test that sessions are pinned although other schemas precede pg_catalog."""

import json

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgcutover.connect import PINNED, open_session

NO_PIN = (
    "create function evil.set_config(text, text, bool) returns text language sql"
    " as $$ select 'x'::text $$"
)
LIES = (
    f"create table evil.told as select * from json_each_text('{json.dumps(PINNED)}') t (k, v)",
    "create function evil.current_setting(n text) returns text language sql"
    " as $$ select v from evil.told where k = n $$",
)
IN_FRONT = {
    "a type named text": ("create domain evil.text as pg_catalog.varchar(1)",),
    "a function that does not pin": (NO_PIN,),
    "functions that do not pin and verify": (NO_PIN, *LIES),
}


@pytest.mark.parametrize("what", IN_FRONT)
def test_objects_before_pg_catalog_cannot_unpin_a_session(fresh_database, what: str) -> None:
    dsn = fresh_database("source")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create schema evil")
        for statement in IN_FRONT[what]:
            connection.execute(statement.encode())
    hostile = make_conninfo(dsn, options="-c search_path=evil,pg_catalog -c timezone=Asia/Tokyo")
    with open_session(hostile) as connection:
        found = connection.execute(
            "select pg_catalog.current_setting('timezone'),"
            " pg_catalog.current_setting('search_path')"
        ).fetchone()
    assert found == ("UTC", "pg_catalog")
