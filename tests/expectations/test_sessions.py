"""Test that Great Expectations changes nothing on the target or disk, and uses no network."""

import json
import os
import subprocess
import sys

import psycopg
import pytest
from support.pooled import production

from pgcutover.errors import UnreadableError

from .rig import TABLE, expect

KIND = expect("column_values_to_be_in_set", column="kind", value_set=["pulse"])
# the session's state is reported in an SQLSTATE, the only part of an error that is kept
TELLING = """
create function clinic.told(clinic.kind) returns text language plpgsql as $$
begin
    if current_setting('transaction_read_only') = 'on' and current_setting('timezone') = 'UTC'
        and current_setting('search_path') = 'pg_catalog'
        and current_setting('statement_timeout') = '20s'
        and (select ssl from pg_stat_ssl where pid = pg_backend_pid())
    then
        raise exception using errcode = 'ZZ001';
    end if;
    raise exception using errcode = 'ZZ002';
end
$$;
create cast (clinic.kind as text) with function clinic.told(clinic.kind);
"""
ALONE = """
import os, socket, sys

def refuse(*address, **_):  # libpq connects by itself, psycopg merely looks up its host
    os.write(2, f"network used: {address}\\n".encode())
    raise OSError("no network in this test")

def look_up(host, *rest, known=socket.getaddrinfo, **named):
    return known(host, *rest, **named) if host == "localhost" else refuse(host)

socket.socket.connect = socket.create_connection = refuse
socket.getaddrinfo = look_up
from pathlib import Path
import pgcutover.fixtures.expectations
from pgcutover.connect import open_session
from pgcutover.gx.engine import TargetExpectations
from pgcutover.mapping import MappedTable, RelationName

assert not {"great_expectations", "sqlalchemy", "pandas"} & sys.modules.keys()
dsn, folder = sys.stdin.read().split("\\n")
table = MappedTable(RelationName("public", "v"), RelationName("clinic", "dayVisits"), ())
diff = TargetExpectations(lambda: open_session(dsn), Path(folder), [table]).meets(table)
assert os.environ["GX_ANALYTICS_ENABLED"] == "False"
print(diff.report())
"""


def test_its_sessions_are_read_only_pinned_and_over_tls(clinic):
    clinic.run(TELLING)
    with pytest.raises(UnreadableError, match="SQLSTATE ZZ001"):
        clinic.judge(KIND)


def test_its_sessions_end_with_the_answer(clinic):
    clinic.judge(KIND)
    assert len(clinic.opened) > 1
    assert all(session.closed for session in clinic.opened)
    clinic.run('drop table clinic."dayVisits"')
    with pytest.raises(UnreadableError):
        clinic.judge(KIND)
    assert all(session.closed for session in clinic.opened)


def test_nothing_is_created_on_the_target(clinic):
    everything = "select oid, relname from pg_class order by oid"
    with psycopg.connect(clinic.dsn, autocommit=True) as conn:
        before = conn.execute(everything).fetchall()
        clinic.judge(KIND)
        assert conn.execute(everything).fetchall() == before


def test_it_is_loaded_late_and_leaves_home_folder_output_and_network_alone(clinic, tmp_path):
    clinic.suite(KIND)
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", ALONE],
        input=f"{clinic.dsn}\n{clinic.folder}",
        capture_output=True,
        text=True,
        cwd=here,
        env={**os.environ, "HOME": str(home), "GX_ANALYTICS_ENABLED": "True"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{TABLE} meets all 1 expectations\n"
    assert list(home.iterdir()) == list(here.iterdir()) == []


def test_the_suite_is_read_anew_each_time(clinic):
    assert not clinic.judge(KIND)
    clinic.write(
        json.dumps(
            {
                "name": str(TABLE),
                "expectations": [expect("column_values_to_be_null", column="kind")],
            }
        )
    )
    assert clinic.judge()


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.usefixtures("unrefused")
def test_nothing_is_left_of_great_expectations(clinic, mode) -> None:
    with production(clinic.dsn, mode) as clinic.dsn:
        for kind in ("pulse", "steps"):
            clinic.judge(expect("column_values_to_be_in_set", column="kind", value_set=[kind]))
