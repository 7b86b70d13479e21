"""Distribution of test files to xdist workers: a file runs on one worker, the longest first.

Spread over both workers, as xdist does by itself, the fixtures of each module were built in both.
"""

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parents[1]
# files and folders of more than about 10 s, the longest first, so that all workers end together
LONGEST = (
    "gate/test_rehearsal.py",
    "plugin/test_verdict.py",
    "expectations/",
    "gate/test_own_migration.py",
    "schema/test_faults.py",
    "cutover/",
    "schema/test_command.py",
    "checks/test_faults.py",
    "schema/test_fix_odd.py",
    "schema/test_many_tables.py",
    "ledger/",
    "freeze/",
    "bootstrap/",
    "schema/",
    "plugin/",
    "awslocal/",
    "compare/",
    "movers/",
    "checks/",
    "embedded/",
    "setup/",
    "packaging/",
    "provision/",
)
# every file of these loads Great Expectations, which takes some seconds in each worker
ON_ONE_WORKER = ("tests/expectations/",)


class FileScheduling(LoadScopeScheduling):
    """xdist scheduler whose unit of work is a test file, or a folder of ON_ONE_WORKER."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # keep the order of pytest_collection_modifyitems
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in ON_ONE_WORKER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling | None:
    """Distribute files, unless another distribution was asked for."""
    return FileScheduling(config, log) if config.getvalue("dist") == "load" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the tests of a file keep their order."""
    items.sort(key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    file = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
    found = (n for n, prefix in enumerate(LONGEST) if file.startswith(prefix))
    return next(found, len(LONGEST))
