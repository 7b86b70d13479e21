"""A reader killed at any point loses no key; one that reads with get_ does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.servers import Databases

RUNS = int(os.environ.get("PGCUTOVER_LEDGER_KILLS", "8"))
PROGRAM = Path(__file__).with_name("killed_readers.py")


def kill_readers(databases: Databases, reader: str, runs: int, folder: Path) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, PROGRAM, reader, str(runs), "7", folder],
        input=databases.source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, int] = json.loads(done.stdout)
    return result


def test_killed_readers_lose_nothing_unless_they_read_with_get(
    databases: Databases, tmp_path: Path
) -> None:
    ours = kill_readers(databases, "stream", RUNS, tmp_path)
    assert ours["lost"] == 0
    assert ours["killed"] >= RUNS / 3
    assert kill_readers(databases, "get", 4, tmp_path)["lost"] > 0
