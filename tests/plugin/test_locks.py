"""Test that another session's lock affects only the results that need the table."""

import re

import psycopg

UNKNOWN = 3
IMPATIENT = """
import pgcutover.connect.opening

pgcutover.connect.opening.LOCK_TIMEOUT_SECONDS = 0.3
"""
MORE = """
alter table people alter name set default 'x' || 'y', add check (length(name) > 0);
alter table visits alter cost set default 1 + 1;
alter table visits add column number serial;
comment on table visits is 'visits';
comment on column visits.cost is 'in cents';
grant select on visits to public;
create table free (id int primary key, note text default 'a' || 'b');
create view named as select id, name from people;
insert into free select i, 'note' from generate_series(1, 20) i;
"""


def lock(dsn: str, table: str) -> psycopg.Connection:
    connection = psycopg.connect(dsn, application_name="nightly job")
    connection.execute(f"lock table {table} in access exclusive mode".encode())
    return connection


def test_a_locked_table_affects_no_other_check(migration):
    migration.plugin(IMPATIENT)
    for write in (migration.on_source, migration.on_target):
        write(MORE)
    with (
        lock(migration.databases.target, "people") as target,
        lock(migration.databases.source, "visits") as source,
    ):
        outcome = migration.gate("-n", "0")
        locked = [
            ("target", "public.people", target.info.backend_pid),
            ("source", "public.visits", source.info.backend_pid),
        ]
    assert (outcome.code, bool(outcome.document)) == (UNKNOWN, True), outcome.text
    for check_id in ("DATA-ROWS", "DATA-COUNTS", "SCHEMA-COLUMNS", "SCHEMA-INDEXES-EXTRA"):
        found = outcome.verdicts(check_id)
        assert found == {
            "public.people": "UNKNOWN", "public.visits": "UNKNOWN", "public.free": "PASS"
        }, (check_id, outcome.text)  # fmt: skip
    assert outcome.verdicts("SCHEMA-INDEXES")["public.free_pkey"] == "PASS"
    assert outcome.verdicts("SCHEMA-INDEXES")["public.people_pkey"] == "UNKNOWN"
    assert outcome.verdicts("SCHEMA-VIEWS") == {"*": "UNKNOWN"}
    for check_id in ("SCHEMA-ROUTINES", "SCHEMA-ROLES", "READY-TLS", "READY-WRITABLE"):
        assert outcome.verdicts(check_id) == {"*": "PASS"}, check_id
    causes = {
        f"{side}: {table}: locked by pid {pid} of application 'nightly job': lock not granted "
        f"within 0.3 s; wait for that session or end it: select pg_terminate_backend({pid})"
        for side, table, pid in locked
    }
    assert {r["message"] for r in outcome.document["results"] if r["verdict"] != "PASS"} == causes
    for cause in causes:  # among pytest's failures, in its summary (cut off), and in the last lines
        assert outcome.text.count(cause) <= 3, outcome.text
    assert len(re.findall("^UNKNOWN .* more results: ", outcome.text, re.M)) == len(causes)
    unknown = sum(r["verdict"] == "UNKNOWN" for r in outcome.document["results"])
    assert f"\n{unknown} failed, " in outcome.text
