"""Tables that the ledgers cannot follow: all their rows are compared in the freeze."""

import math
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import psycopg

from pgcutover.cutover.errors import StepError
from pgcutover.cutover.gates.comparison_gate import ComparisonGate
from pgcutover.errors import PgCutoverError
from pgcutover.ledger.ledgers import Ledgers
from pgcutover.ledger.open_set import NEVER_COMPARED
from pgcutover.mapping import MappedTable

_CATCH_UP_SECONDS = 60.0


@dataclass(slots=True)
class WholeTables:
    """Compares these tables once before the freeze, which measures the time, and again in it."""

    full: ComparisonGate
    _seconds: dict[str, float] = field(default_factory=dict)

    def measure(self, ledgers: Ledgers) -> None:
        """Compare each table once; StepError where one was never found equal.

        A truncated or altered table that is equal needs no comparison in the freeze any more.
        """
        # a comparison closes only what has been read before; a busy slot is never silent
        ledgers.drain(time.monotonic() + _CATCH_UP_SECONDS)
        ledgers.check_definitions()
        for name, reason in ledgers.open_set().whole_tables.items():
            if reason == NEVER_COMPARED:
                raise StepError(f"{name} needs a full comparison: {reason}; run the gate again")
            begun = time.monotonic()
            with suppress(PgCutoverError, psycopg.Error):  # the freeze decides
                self._compare(ledgers, [name])
            self._seconds[name] = time.monotonic() - begun

    def forecast_seconds(self, names: Iterable[str]) -> float | None:
        """Return the time that these tables take; None where one was not measured."""
        found = [self._seconds.get(name) for name in names]
        return None if None in found else sum(seconds or 0.0 for seconds in found)

    def prove(self, ledgers: Ledgers, seconds: float) -> frozenset[str]:
        """Compare the tables when nothing moves, and return them; StepError where one differs."""
        names = frozenset(ledgers.open_set().whole_tables)
        if names and (found := self._compare(ledgers, names, seconds)):
            raise StepError(f"FAIL: source and target differ: {'; '.join(found[:3])}")
        return names

    def _compare(
        self, ledgers: Ledgers, names: Collection[str], seconds: float = math.inf
    ) -> list[str]:
        timeout = 0.0 if seconds == math.inf else seconds
        options = replace(self.full.options, statement_timeout_seconds=timeout, log=ledgers.log)
        return self.full.compare(options, time.monotonic() + seconds, self._tables(names))

    def _tables(self, names: Collection[str]) -> list[MappedTable]:
        return [table for table in self.full.manifest.tables if str(table) in names]
