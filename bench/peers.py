"""Runs pgcutover, other tools in virtual environments of their own, and the COPY floor."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from threading import Thread
from time import monotonic

import data
import psycopg
from psycopg.conninfo import conninfo_to_dict

HERE = Path(__file__).parent


def install(name: str, work: Path) -> Path:
    """Install a peer pinned in peers/<name>.txt and return the folder of its programs."""
    home = work / f"venv-{name}"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        command = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "-r"]
        subprocess.run([*command, str(HERE / "peers" / f"{name}.txt")], check=True)
        (home / "ready").touch()
    return home / "bin"


def floor(dsns: tuple[str, str], table: str, parts: int, rows: int) -> float:
    """Return the seconds to COPY both sides to nowhere, each in a number of parallel parts."""

    def drain(dsn: str, where: str) -> None:
        query = f"copy (select * from {table} where {where}) to stdout (format binary)"
        with (
            psycopg.connect(dsn) as connection,
            connection.cursor() as cursor,
            cursor.copy(query) as copied,
        ):
            for _ in copied:
                pass

    edges = [2 * rows * n // parts for n in range(parts + 1)]
    ranges = [f"id > {a} and id <= {b}" for a, b in pairwise(edges)]
    threads = [
        Thread(target=drain, args=(dsn, where if parts > 1 else "true"))
        for dsn in dsns
        for where in ranges
    ]
    start = monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return monotonic() - start


def ours(dsns: tuple[str, str], schema: str, table: str, load: float = 1.0) -> dict[str, object]:
    """Return the result of ours.py and the seconds of its process."""
    env = os.environ | {"BENCH_SOURCE": dsns[0], "BENCH_TARGET": dsns[1]}
    command = [sys.executable, str(HERE / "ours.py"), schema, table, str(load)]
    start = monotonic()
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE)
    seconds = monotonic() - start
    answer: dict[str, object] = json.loads(done.stdout)
    return answer | {"seconds": seconds}


def reladiff(
    programs: Path, dsns: tuple[str, str], table: str, settings: Mapping[str, str]
) -> tuple[float, int]:
    """Return the seconds and the number of differing lines printed."""
    options = [f"--{name}={value}" for name, value in settings.items()]
    columns = [word for column in data.COLUMNS for word in ("-c", column)]
    urls = [_url(dsn) for dsn in dsns]
    command = [str(programs / "reladiff"), urls[0], table, urls[1], table, "-k", "id"]
    start = monotonic()
    done = subprocess.run(
        [*command, *columns, *options, "--json"],
        env=environment(dsns),
        stdout=subprocess.PIPE,
        check=True,
    )
    return monotonic() - start, len(done.stdout.splitlines())


def dvt(programs: Path, dsns: tuple[str, str], table: str, work: Path) -> tuple[float, int]:
    """Return the seconds of a row validation by hash, and the number of rows reported."""
    env = environment(dsns) | {"PSO_DV_CONN_HOME": str(work / "dvt")}
    (work / "dvt").mkdir(exist_ok=True)
    program = str(programs / "data-validation")
    for name, dsn in zip(("bench_source", "bench_target"), dsns, strict=True):
        told = conninfo_to_dict(dsn)
        # the tool reads the password from this file, which is removed with the work folder
        (work / "dvt" / f"{name}.connection.json").write_text(
            json.dumps(
                {
                    "secret_manager_type": None,
                    "secret_manager_project_id": None,
                    "source_type": "Postgres",
                    "host": told["host"],
                    "port": int(told["port"]),
                    "user": told["user"],
                    "password": told["password"],
                    "database": told["dbname"],
                }
            )
        )
    start = monotonic()
    done = subprocess.run(
        [program, "validate", "row", "-sc", "bench_source", "-tc", "bench_target",
         "-tbls", f"public.{table}", "--primary-keys", "id", "--hash", "*",
         "--filter-status", "fail", "--format", "json"],
        env=env, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    seconds = monotonic() - start
    return seconds, done.stdout.count(b'"fail"')


def version(programs: Path, package: str) -> str:
    """Return the installed version of a peer."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run(
        [str(programs / "python"), "-c", code], stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().strip()


def _url(dsn: str) -> str:
    """Return a URL without the password, which libpq reads from the environment."""
    told = conninfo_to_dict(dsn)
    return f"postgresql://{told['user']}@{told['host']}:{told['port']}/{told['dbname']}"


def environment(dsns: tuple[str, str]) -> dict[str, str]:
    """Return an environment with passwords and certificates of both servers for libpq."""
    told = [conninfo_to_dict(dsn) for dsn in dsns]
    folder = Path(str(told[0]["sslrootcert"])).parent
    passwords = folder / "bench.pgpass"
    passwords.touch(mode=0o600)
    passwords.write_text(
        "".join(f"{t['host']}:{t['port']}:*:{t['user']}:{t['password']}\n" for t in told)
    )
    return dict(os.environ) | {
        "PGPASSFILE": str(passwords),
        "PGSSLMODE": str(told[0]["sslmode"]),
        "PGSSLROOTCERT": str(told[0]["sslrootcert"]),
    }
