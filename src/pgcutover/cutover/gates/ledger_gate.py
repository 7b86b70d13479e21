"""The final gate by the change ledger: only the keys of the last seconds are compared."""

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from pgcutover.config import Settings
from pgcutover.config.dsn import require_dsn
from pgcutover.connect import open_watch
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.gates.whole_tables import WholeTables
from pgcutover.cutover.resolver import Side
from pgcutover.errors import PgCutoverError, UnreadableError
from pgcutover.freeze import hold_tables, read_relations
from pgcutover.ledger.ledgers import LedgerParts, Ledgers, open_ledgers
from pgcutover.ledger.opening import parts_from, single_reader
from pgcutover.text.words import count_noun
from pgcutover.verdict import Verdict

_CATCH_UP_SECONDS = 60.0
_POLL_SECONDS = 0.05
_FEW_KEYS = 1_000
_HOLD_SECONDS = 0.2


@dataclass(slots=True)
class LedgerGate:
    """Reads both ledgers and settles from `prepare` on; the proof drains them and settles the rest.

    It reads the slots itself, so `pgcutover ledger run` must have ended.
    """

    settings: Settings
    whole: WholeTables
    _stack: ExitStack = field(default_factory=ExitStack)
    _ledgers: Ledgers | None = None
    _parts: LedgerParts | None = None
    _writer: Side = Side.SOURCE
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _error: list[Exception] = field(default_factory=list)

    def prepare(self, writer: Side) -> float | None:
        """Catch up with both sides; return the forecast, None where the open set stays large."""
        self._writer = writer
        if self._ledgers is None:
            parts = self._parts = parts_from(self.settings)
            self._stack.enter_context(single_reader(parts))
            self._ledgers = self._stack.enter_context(closing(open_ledgers(parts)))
        if self._thread is None:
            # before it, the open set lacks what the slots still have to send
            self._ledgers.drain(time.monotonic() + _CATCH_UP_SECONDS)
        self.whole.measure(self._ledgers)
        self._start()
        return self._catch_up(self._ledgers)

    def hold(self) -> None:
        """Lock the writer's tables for reading in the session that compares open keys."""
        if self._parts is None:
            return
        is_source, tables = self._writer is Side.SOURCE, self._parts.manifest.tables
        own = self.settings.source if is_source else self.settings.target
        with open_watch(require_dsn(own.dsn_env)) as reader:
            names = [t.source if is_source else t.target for t in tables]
            relations = read_relations(reader, names)
        self._parts.comparer.hold(
            self._writer.value,
            lambda connection: hold_tables(connection, relations, _HOLD_SECONDS),
        )

    def release(self) -> None:
        """Let go of these locks."""
        if self._parts is not None:
            self._parts.comparer.end_freeze()

    def prove(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Drain both ledgers and compare the open keys; StepError unless all is proven equal."""
        begun = time.monotonic()
        ledgers = self._ledgers
        if ledgers is None:
            self.prepare(writer)  # after a crash behind the fence
            return self.prove(writer, seconds - (time.monotonic() - begun))
        if self._parts is not None:
            self._parts.comparer.unthrottle()
            self._stop()
            self._parts.comparer.begin_freeze()
        try:
            ledgers.drain(begun + seconds)
            opened = ledgers.open_set().keys
            ledgers.settle_all(begun + seconds)
        except UnreadableError as error:
            raise StepError(f"UNKNOWN: {error}") from error
        compared = self.whole.prove(ledgers, begun + seconds - time.monotonic())
        proof = ledgers.proof(compared)
        if proof.verdict is not Verdict.PASS:
            differing = sum(proof.differing.values())
            words = [f"{count_noun(differing, 'key')} differ"] if differing else []
            raise StepError(f"{proof.verdict.name}: {'; '.join([*words, *proof.reasons][:3])}")
        facts = {"verdict": "PASS", "open_keys": opened, "method": "change ledger"}
        return {**facts, "compared_whole": sorted(compared)}

    def close(self) -> None:
        """End the reader, and close both ledgers; the slots keep their WAL."""
        self._stop()
        self._ledgers = self._parts = None
        self._stack.close()

    def _start(self) -> None:
        if self._thread is None:
            self._stopped.clear()
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def _stop(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            thread.join()

    def _run(self) -> None:
        try:
            if self._ledgers is not None:
                self._ledgers.run(self._stopped.is_set, lambda _: None)
        except PgCutoverError as error:
            self._error.append(error)

    def _catch_up(self, ledgers: Ledgers) -> float | None:
        """Wait until few keys are open; return the forecast of the comparisons in the freeze."""
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while True:
            if self._error:
                raise StepError(f"the change ledger ended: {self._error.pop()}")
            found = ledgers.open_set()
            if found.keys < _FEW_KEYS:
                seconds = self.whole.forecast_seconds(found.whole_tables)
                return seconds if seconds is None else seconds + (found.forecast_seconds or 0.0)
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_SECONDS)
