"""A run with findings between two real databases, and `pgcutover reveal` as a user runs it."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from plugin.conftest import MAPPING, Outcome, SmallMigration, migration
from support.servers import fresh_databases

__all__ = ["migration"]
CHECKS = ("pgcutover.checks.load",)
SCHEMA = """
create schema app;
create table app.orders
    (shop int, number text, total numeric, note text, primary key (shop, number));
create table app.lines (id int primary key, shop int, number text);
create table app.log (at int, entry text);
insert into app.orders select i % 3, 'n' || i, i * 1.10, 'note ' || i from generate_series(1, 60) i;
insert into app.lines select i, i % 3, 'n' || i from generate_series(1, 60) i;
insert into app.log select i, 'entry ' || i from generate_series(1, 20) i;
"""


@dataclass
class Revealed:
    """The exit code, stdout and stderr of one call."""

    code: int
    shown: str
    stderr: str


class Shop(SmallMigration):
    """Tables with a composite key, with a foreign key, and without a key."""

    def __init__(self, folder: Path, databases):
        super().__init__(folder, databases)
        self.select("app", "public")
        self.on_source(SCHEMA)
        self.on_target(SCHEMA)

    def select(self, *schemas: str, **more: str):
        """Write a mapping with these schemas and transformations in the format of DMS."""
        rules = [
            {**MAPPING["rules"][0], "rule-id": f"{n}", "rule-name": name, "object-locator": place}
            for n, name in enumerate(schemas, 1)
            for place in [{"schema-name": name, "table-name": "%"}]
        ]
        for n, (place, value) in enumerate(more.items(), len(rules) + 1):
            schema, _, table = place.partition("__")
            located = {"schema-name": schema, **({"table-name": table} if table else {})}
            target = "table" if table else "schema"
            rules.append(
                {
                    "rule-type": "transformation",
                    "rule-id": f"{n}",
                    "rule-name": f"{n}",
                    "rule-target": target,
                    "object-locator": located,
                    "rule-action": "rename",
                    "value": value,
                }
            )
        (self.folder / "mapping.json").write_text(json.dumps({"rules": rules}))

    def reveal(self, *arguments: str, terminal: bool = True) -> Revealed:
        """Run the command with stdout on a terminal or on a pipe."""
        command = [sys.executable, "-m", "pgcutover", "reveal", *arguments]
        reader, writer = pty.openpty() if terminal else os.pipe()
        with os.fdopen(reader, "rb") as output:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=writer,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
            )
            os.close(writer)
            shown = b""
            try:
                while piece := output.read1(65536):
                    shown += piece
            except OSError:  # on Linux: the other end of the terminal is closed
                pass
        return Revealed(done.returncode, shown.decode().replace("\r", ""), done.stderr.decode())


@pytest.fixture
def shop(tmp_path, databases) -> Shop:
    return Shop(tmp_path, databases)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, pair) -> Iterator[tuple[Shop, Outcome]]:
    """A run that found a missing, an extra and a changed row, all with a composite key."""
    with fresh_databases(pair) as databases:
        shop = Shop(tmp_path_factory.mktemp("damaged"), databases)
        shop.use_defaults()  # with all files of a run
        shop.on_target("delete from app.orders where number = 'n7'")
        shop.on_target("insert into app.orders values (9, 'x''1', 5, 'from the target')")
        shop.on_target(r"update app.orders set note = E'note\x1b[31m 8' where number = 'n8'")
        shop.on_target("delete from app.log where at = 5")
        yield shop, shop.gate("-n", "0", checks=CHECKS)


def keys_of(outcome: Outcome, identity: str, kind: str) -> list[str]:
    """Return the key hashes of a finding."""
    (found,) = [
        f
        for r in outcome.document["results"]
        if f"{r['check_id']}[{r['object']}]" == identity
        for f in r["findings"]
        if f["kind"] == kind
    ]
    return found["evidence"]["key_hashes"]
