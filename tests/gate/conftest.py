"""The whole gate: rehearsals in a separate process, and a user's own migration."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psycopg
import pytest
from psycopg import sql
from support.kgc import PASSWORDS, empty_target, kgc_source, kgc_template, quiet
from support.servers import Pair

from pgcutover.awslocal.http.process import aws_endpoint

__all__ = ["empty_target", "kgc_source", "kgc_template"]
# pytest-timeout and hypothesis are plugins of these tests only
OTHERS = ("-p", "no:hypothesispytest", "-p", "no:timeout")
GATE = [
    *(sys.executable, "-m", "pytest", *OTHERS, "-p", "no:cacheprovider"),
    *("--pyargs", "pgcutover.checks"),
]


@dataclass
class Outcome:
    """The output and exit code of a run, and its verdict document."""

    code: int
    text: str
    document: dict

    def red(self) -> set[str]:
        results = self.document["results"]
        return {f"{r['check_id']}[{r['object']}]" for r in results if r["verdict"] != "PASS"}


class GateRun:
    """A gate in a separate process and temporary folder, so that leftovers are visible."""

    def __init__(self, folder: Path, environment: dict[str, str], *options: str):
        self.options = options
        self.folder, self.temporary = folder, folder / "tmp"
        self.temporary.mkdir(mode=0o755, parents=True)
        folder.chmod(0o755)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "AWS_"))}
        self.environment = {**kept, "TMPDIR": str(self.temporary), **environment}
        self.log = folder / "log"

    def start(self, *arguments: str) -> subprocess.Popen:
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [*GATE, "--out", str(self.folder / "out"), *self.options, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def run(self, *arguments: str) -> Outcome:
        process = self.start(*arguments)
        try:
            code = process.wait(timeout=240)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=60)
        verdict = self.folder / "out" / "verdict.json"
        document = json.loads(verdict.read_text()) if verdict.exists() else {}
        return Outcome(code, self.log.read_text(), document)


@pytest.fixture
def rehearsal(reachable_folder) -> GateRun:
    """A rehearsal without DSNs in the environment."""
    return GateRun(reachable_folder, {}, "--rehearse")


@pytest.fixture
def reachable_folder(tmp_path_factory) -> Iterator[Path]:
    """A folder that the servers' account can access, as /tmp."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="pgcutover-gate-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@dataclass
class OwnMigration:
    """A user's own migration: KGC's source with data, an empty target, and AWS."""

    run: GateRun
    target_superuser: str
    dms: object

    def query(self, statement: str):
        with psycopg.connect(self.target_superuser) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def own_migration(pair: Pair, kgc_source, empty_target, reachable_folder) -> Iterator[OwnMigration]:
    """Both databases exist, the DSNs are set, and the secrets are in Secrets Manager."""
    with psycopg.connect(kgc_source, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)  # a copy belongs to the account that made it
        connection.execute(sql.SQL("alter database {} owner to kgc_owner").format(name))
    with aws_endpoint(reachable_folder / "aws", progress=quiet) as endpoint:
        own = _own_migration(pair, kgc_source, empty_target(), reachable_folder, endpoint.url)
        yield own


def _own_migration(pair: Pair, source: str, target: str, folder: Path, url: str) -> OwnMigration:
    access = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "throw-away-secret",
        "AWS_DEFAULT_REGION": "ap-southeast-2",
    }
    names = [psycopg.conninfo.conninfo_to_dict(dsn)["dbname"] for dsn in (source, target)]
    sides = list(zip(("source", "target"), (pair.source, pair.target), names, strict=True))
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "throw-away-secret"}
    client = {"region_name": "ap-southeast-2", "endpoint_url": url, **keys}
    for side, server, name in sides:
        secret = {"host": server.host, "port": server.port, "username": "dms", "dbname": name}
        boto3.client("secretsmanager", **client).create_secret(
            Name=f"kgc/{side}", SecretString=json.dumps({**secret, "password": PASSWORDS["dms"]})
        )
    readers = {
        f"PGCUTOVER_{side.upper()}_DSN": server.dsn(name, "kgc_check", PASSWORDS["kgc_check"])
        for side, server, name in sides
    }
    environment = {**access, **readers, "PGCUTOVER_TARGET_OWNER_DSN": target}
    run = GateRun(folder / "run", environment)
    _write_migration(run.folder, pair)
    return OwnMigration(run, target, boto3.client("dms", **client))


def _write_migration(folder: Path, pair: Pair) -> None:
    """Write KGC's migration.toml and setup folder, with the certificates of this pair."""
    import shutil

    import pgcutover.setup

    setup = Path(pgcutover.setup.__path__[0])
    shutil.copytree(setup, folder / "setup")
    shutil.copytree(setup.parent / "expectations", folder / "expectations")
    text = (setup.parent / "migration.toml").read_text()
    authorities = (
        f'source_ca_file = "{pair.source.ca_file}"\ntarget_ca_file = "{pair.target.ca_file}"\n'
    )
    head, dms, rest = text.partition("[mover.dms]\n")
    (folder / "migration.toml").write_text(
        head + "[budgets]\nsettle_seconds = 0.5\n\n" + dms + authorities + rest
    )
