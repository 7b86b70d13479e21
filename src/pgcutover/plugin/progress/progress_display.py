"""Prints the progress of all processes of a run every few seconds."""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pgcutover.context import RunContext
from pgcutover.plugin.progress.progress_files import RUN_FOLDERS, ProgressFolder, RunFolders
from pgcutover.progress import Overall

LINE_SECONDS = 10.0


class ProgressDisplay:
    """Hooks of the controller, and the thread that prints a line while tables are read."""

    def __init__(
        self, folders: RunFolders, overall: Overall, print_line: Callable[[str], None]
    ) -> None:
        self._folders, self._overall, self._print_line = folders, overall, print_line
        self._files = ProgressFolder(Path(folders.progress))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the folders to an xdist worker."""
        node.workerinput["pgcutover_folders"] = asdict(self._folders)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Print nothing into the summary."""
        self.close()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(LINE_SECONDS):
            now = time.monotonic()
            for status in self._files.read_new():
                self._overall.update(now, status)
            if self._overall.current():
                self._print_line(self._overall.full_line(now))


def start_progress(
    config: pytest.Config,
    context: RunContext,
    checkpoints: Path | None,
    out: Path,
    resume: bool,
    stamped: Callable[[str], str],
) -> ExitStack:
    """Start to print progress in the controller; closing the returned stack ends it."""
    stack = ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="progress-", dir=out))
    folders = RunFolders(folder, str(checkpoints) if checkpoints is not None else None, resume)
    config.stash[RUN_FOLDERS] = folders
    estimates = {name: size.rows for name, size in context.sizes.items()}
    overall = Overall(len(context.manifest.tables), estimates)
    display = ProgressDisplay(folders, overall, _line_printer(config, stack, stamped))
    stack.callback(display.close)
    config.pluginmanager.register(display, "pgcutover-progress")
    return stack


def _line_printer(
    config: pytest.Config, stack: ExitStack, stamped: Callable[[str], str]
) -> Callable[[str], None]:
    """Return the function that prints a line; it does nothing where there is no terminal output."""
    if config.pluginmanager.get_plugin("terminalreporter") is None:
        return lambda line: None
    try:
        # while a check runs, pytest's capture replaces the file behind stdout's descriptor
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return lambda line: None
    stack.callback(os.close, descriptor)
    writer = config.get_terminal_writer()

    def print_line(line: str) -> None:
        start = "\n" if writer.width_of_current_line else ""
        with suppress(OSError):  # the terminal may be closed
            os.write(descriptor, f"{start}{stamped(line)}\n".encode())

    return print_line
