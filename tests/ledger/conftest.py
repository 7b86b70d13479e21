"""A rig a test: databases of its own on the shared servers, which have logical WAL."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger.rig import MOVED, TOML, Rig, opened
from support.servers import Databases, Pair, fresh_databases

from pgcutover.config import Settings, load_settings


@pytest.fixture
def rig(databases: Databases, tmp_path: Path) -> Iterator[Rig]:
    with opened(databases, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig for all tests of a file, which begin it anew."""
    with (
        fresh_databases(pair) as databases,
        opened(databases, tmp_path_factory.mktemp("ledger")) as made,
    ):
        yield made


@pytest.fixture
def migration(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Rig, Settings]]:
    """A rig whose ledgers are where the commands of its migration look for them."""
    monkeypatch.setenv("PGCUTOVER_SOURCE_DSN", databases.source)
    monkeypatch.setenv("PGCUTOVER_TARGET_DSN", databases.target)
    folder = tmp_path / ".pgcutover"
    folder.mkdir()
    with opened(databases, folder) as rig:
        (tmp_path / "rules.json").write_text(json.dumps({"rules": MOVED}))
        (tmp_path / "migration.toml").write_text(TOML.format(slot=rig.slot))
        yield rig, load_settings(tmp_path / "migration.toml")
