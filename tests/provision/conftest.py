"""Fixtures: a target to provision, and KGC's databases."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from support.kgc import empty_target, kgc_loaded_template, kgc_source, kgc_template

from pgcutover.connect import Connection

__all__ = ["empty_target", "kgc_loaded_template", "kgc_source", "kgc_template"]


@pytest.fixture
def target_dsn(fresh_database: Callable[..., str]) -> str:
    """The superuser's DSN of an empty target database."""
    return fresh_database("target")


@pytest.fixture
def target(target_dsn: str) -> Iterator[Connection]:
    """A connection to an empty target database."""
    with psycopg.connect(target_dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Return folder(**{"01_a.sql": "select 1"}), which makes a scripts folder with these."""

    def write(files: dict[str, str]) -> Path:
        phase = tmp_path / "pre-load"
        phase.mkdir(exist_ok=True)
        for name, text in files.items():
            (phase / name).write_text(text)
        return tmp_path

    return write
