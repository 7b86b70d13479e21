"""Removes the folders of old runs, and never one that somebody may still need."""

import json
import re
import shutil
from pathlib import Path

_RUN = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")
# the files of a run; any other, such as a signature, was added by somebody
RUN_FILES = (
    "verdict.json",
    "verdict.seal",
    "manifest.json",
    "night.json",
    "signoff.html",
    "allure.html",
    "junit.xml",
)
SCHEMA_FOLDER = "schema"


def remove_old_runs(latest: Path, keep: int) -> list[Path]:
    """Remove all but the last `keep` runs beside the latest one; return what was removed.

    Only complete runs of the same migration and kind count, and only they are removed: a folder
    without verdict.json may belong to a run that is still working. A folder to which a file was
    added is kept.
    """
    migration = _read_migration(latest)
    if migration is None or not _RUN.fullmatch(latest.name):
        return []
    runs = [
        folder
        for folder in sorted(latest.parent.iterdir(), reverse=True)
        if _RUN.fullmatch(folder.name)
        and not folder.is_symlink()
        and _read_migration(folder) == migration
    ]
    old = [run for run in runs[keep:] if run != latest and not _has_foreign_files(run)]
    for run in old:
        shutil.rmtree(run, ignore_errors=True)
    return old


def _read_migration(run: Path) -> tuple[str, bool] | None:
    """The migration of a complete run, and if it was a rehearsal."""
    try:
        migration = json.loads((run / "verdict.json").read_bytes())["migration"]
        return str(migration["name"]), bool(migration["rehearsal"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _has_foreign_files(run: Path) -> bool:
    return any(entry.name not in (*RUN_FILES, SCHEMA_FOLDER) for entry in run.iterdir())
