"""A streaming standby of an embedded server, made from a base backup."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgcutover.embedded.account import make_reachable
from pgcutover.embedded.cluster import free_port
from pgcutover.embedded.run import Run
from pgcutover.embedded.server import RunningServer
from pgcutover.embedded.tools import install_servers

_SECONDS = 20
_LEFT_OUT = shutil.ignore_patterns("postmaster.*", "pg_replslot", "pgsql_tmp*")


@contextmanager
def standby_of(primary: RunningServer) -> Iterator[RunningServer]:
    """Run a standby that shares the primary's settings and certificates, and has its own port."""
    with Run(None) as run:
        data = run.folder / "data"
        _back_up(primary, data)
        port = free_port()
        # the account of the servers may not read the file of the authority
        wanted = {**conninfo_to_dict(primary.dsn()), "sslmode": "require", "sslrootcert": None}
        conninfo = make_conninfo("", **{**wanted, "dbname": None}).replace("'", "''")
        (data / "postgresql.auto.conf").write_text(
            f"port = {port}\nhot_standby = on\nprimary_conninfo = '{conninfo}'\n"
        )
        (data / "standby.signal").touch()
        (data / "pg_replslot").mkdir(mode=0o700)
        if run.account is not None:
            for path in (data, *data.rglob("*")):
                shutil.chown(path, run.account.uid, run.account.gid)
        programs = install_servers(lambda _: None, {primary.major}).bin_dirs[primary.major]
        binary = make_reachable(programs, run.account, run.folder / "programs") / "postgres"
        config = primary.run_dir / primary.name / "server.conf"
        log = run.folder / "log"
        process = run.start([binary, "-D", data, "-c", f"config_file={config}"], log)
        server = replace(primary, port=port, pid=process.pid)
        _wait_until_ready(server, log)
        yield server


def _back_up(primary: RunningServer, data: Path) -> None:
    with psycopg.connect(primary.dsn(), autocommit=True) as session:
        session.execute("select pg_backup_start('standby', true)")
        shutil.copytree(primary.run_dir / primary.name / "data", data, ignore=_LEFT_OUT)
        data.chmod(0o700)
        row = session.execute("select labelfile from pg_backup_stop(false)").fetchone()
    assert row is not None
    (data / "backup_label").write_text(row[0])


def _wait_until_ready(server: RunningServer, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            psycopg.connect(server.dsn()).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
