"""Progress of the comparing engine on its way from a worker to the terminal, and its checkpoints.

A worker cannot speak to the controller while its item runs, so each process of a run appends news
to a file of its own; a thread of the controller reads them and shows one line.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from pgcutover.context import RunContext
from pgcutover.progress import Overall, State, Status, fitted

TICK_SECONDS = 0.5
PLAIN_SECONDS = 30.0  # where nobody watches, a line that often, and none in a shorter run


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where the processes of a run leave their news, and where checkpoints lie, if anywhere."""

    news: str
    checkpoints: str | None
    resume: bool

    def to_plain(self) -> dict[str, Any]:
        """Plain data for an xdist worker."""
        return asdict(self)


WIRING = pytest.StashKey[Wiring]()


class NewsFile:
    """Appends the news of one process; a disk that takes no more costs the news, nothing else."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._descriptor: int | None = None
        self._told: dict[str, tuple[float, State, str]] = {}

    def report(
        self,
        table: str,
        rows_done: int,
        rows_expected: int | None,
        state: State,
        note: str = "",
    ) -> None:
        """Keep the news, unless it is more of the same within half a second."""
        status = Status(table, rows_done, rows_expected, state, note)
        with self._lock, suppress(OSError):
            if self._is_news(status):
                self._append(json.dumps(asdict(status)).encode() + b"\n")

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _is_news(self, status: Status) -> bool:
        now = time.monotonic()
        at, *told = self._told.get(status.table, (0.0, "", ""))
        if told == [status.state, status.note] and now - at < TICK_SECONDS:
            return False
        self._told[status.table] = (now, status.state, status.note)
        return True

    def _append(self, line: bytes) -> None:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        os.write(self._descriptor, line)


class NewsFolder:
    """Reads what every process of a run appended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def fresh(self) -> Iterator[Status]:
        """News since the last call."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with suppress(OSError):
                yield from self._fresh_of(path)

    def _fresh_of(self, path: Path) -> Iterator[Status]:
        with path.open("rb") as lines:
            lines.seek(self._read.get(path, 0))
            for line in lines:
                if not line.endswith(b"\n"):  # its rest is still to come
                    return
                self._read[path] = self._read.get(path, 0) + len(line)
                with suppress(ValueError, TypeError):
                    yield Status(**json.loads(line))


class Screen(Protocol):
    """Where progress is shown."""

    def show(self, now: float, overall: Overall) -> None:
        """Show how far it is, when it is time to."""

    def close(self) -> None:
        """Leave nothing behind."""


class StatusLine:
    """One line of a terminal, redrawn in place below whatever pytest wrote last.

    It ends with the cursor where pytest left it, and goes before pytest writes again.
    """

    # a line below is made sure of first (down, up), without which saving the cursor would not
    # survive scrolling; too long a line is cut (no wrap), not scrolled
    _BELOW = "\x1bD\x1bM\x1b7\x1bE\x1b[2K\x1b[?7l"
    _BACK = "\x1b[?7h\x1b8"
    _ERASE_BELOW = b"\x1b[J"

    def __init__(self, writer: Any, descriptor: int) -> None:
        self._writer, self._descriptor = writer, descriptor
        self._lock, self._shown = threading.RLock(), False
        self._write = writer.write
        vars(writer)["write"] = self._write_alone

    def show(self, now: float, overall: Overall) -> None:
        if not overall.current():
            self._erase()
            return
        text = fitted(overall.full_line(now), self._columns() - 1)
        with self._lock:
            _put(self._descriptor, f"{self._BELOW}{text}{self._BACK}".encode())
            self._shown = True

    def close(self) -> None:
        self._erase()
        vars(self._writer).pop("write", None)

    def _write_alone(self, *arguments: Any, **named: Any) -> None:
        with self._lock:
            self._erase()
            self._write(*arguments, **named)
            self._writer.flush()

    def _erase(self) -> None:
        with self._lock:
            if self._shown:
                _put(self._descriptor, self._ERASE_BELOW)
            self._shown = False

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._descriptor).columns or 80
        except OSError:
            return 80


class PlainLines:
    """A line now and then, for a log."""

    def __init__(self, writer: Any, descriptor: int, stamped: Callable[[str], str]) -> None:
        self._writer, self._descriptor, self._stamped = writer, descriptor, stamped
        self._last = time.monotonic()

    def show(self, now: float, overall: Overall) -> None:
        if now - self._last < PLAIN_SECONDS or not overall.current():
            return
        self._last = now
        start = "\n" if self._writer.width_of_current_line else ""
        _put(self._descriptor, f"{start}{self._stamped(overall.full_line(now))}\n".encode())

    def close(self) -> None:
        pass


class Display:
    """Hooks of the controller, and the thread that shows the news of all processes."""

    def __init__(self, wiring: Wiring, overall: Overall, screen: Screen | None) -> None:
        self._wiring, self._overall, self._screen = wiring, overall, screen
        self._news = NewsFolder(Path(wiring.news))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._thread.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell an xdist worker where its news go."""
        node.workerinput["pgcutover_progress"] = self._wiring.to_plain()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """What follows is the summary's alone."""
        self.close()

    def close(self) -> None:
        """End the thread and take the line away."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._screen is None:
            return
        with closing(self._screen):
            while not self._ended.wait(TICK_SECONDS):
                now = time.monotonic()
                for status in self._news.fresh():
                    self._overall.update(now, status)
                self._screen.show(now, self._overall)


def start(
    config: pytest.Config,
    context: RunContext,
    checkpoints: Path | None,
    out: Path,
    resume: bool,
    stamped: Callable[[str], str],
) -> ExitStack:
    """Begin to show progress in the controller; closing what is returned ends it."""
    stack = ExitStack()
    news = stack.enter_context(tempfile.TemporaryDirectory(prefix="progress-", dir=out))
    wiring = Wiring(news, str(checkpoints) if checkpoints is not None else None, resume)
    config.stash[WIRING] = wiring
    tables = context.manifest.tables
    overall = Overall(len(tables), {name: size.rows for name, size in context.sizes.items()})
    display = Display(wiring, overall, _screen(config, stack, stamped))
    stack.callback(display.close)
    config.pluginmanager.register(display, "pgcutover-progress")
    return stack


def _screen(
    config: pytest.Config, stack: ExitStack, stamped: Callable[[str], str]
) -> Screen | None:
    """Where stdout leads; None where it has no descriptor or pytest itself shows nothing."""
    if config.pluginmanager.get_plugin("terminalreporter") is None:
        return None
    try:
        # while an item runs, pytest's capture puts its own file under stdout's number
        descriptor = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return None
    stack.callback(os.close, descriptor)
    writer = config.get_terminal_writer()
    if os.isatty(descriptor) and os.environ.get("TERM", "dumb") != "dumb":
        return StatusLine(writer, descriptor)
    return PlainLines(writer, descriptor, stamped)


def _put(descriptor: int, text: bytes) -> None:
    with suppress(OSError):  # a terminal that is gone shows nothing
        os.write(descriptor, text)
