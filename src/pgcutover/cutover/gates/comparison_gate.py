"""The final gate without a change ledger: every row of every table, compared under the freeze."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg

from pgcutover.catalog import Manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import MappedTable
from pgcutover.text.words import count_noun


@dataclass(frozen=True, slots=True)
class ComparisonGate:
    """Compares all mapped tables of the manifest; its duration grows with the rows."""

    dsns: tuple[str, str]
    manifest: Manifest
    options: CompareOptions

    def __repr__(self) -> str:
        """Show no DSN."""
        return "ComparisonGate()"

    def prepare(self, writer: Side) -> float | None:
        """Return the time that a comparison takes now; None if it cannot be made.

        What differs while the mover runs is not looked at.
        """
        begun = time.monotonic()
        try:
            self.compare(self.options)
        except (PgCutoverError, psycopg.Error):
            return None
        return time.monotonic() - begun

    def hold(self) -> None:
        """Do nothing: a comparison locks each table when it reads it."""

    def release(self) -> None:
        """Do nothing: nothing is held."""

    def prove(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Compare every row; StepError where tables differ, or the time is up."""
        options = replace(self.options, statement_timeout_seconds=seconds)
        if findings := self.compare(options, time.monotonic() + seconds):
            raise StepError(f"FAIL: source and target differ: {'; '.join(findings[:3])}")
        return {"verdict": "PASS", "tables": len(self.manifest.tables), "method": "full comparison"}

    def close(self) -> None:
        """Do nothing: each comparison closes its sessions."""

    def compare(
        self,
        options: CompareOptions,
        deadline: float = math.inf,
        tables: Sequence[MappedTable] | None = None,
    ) -> list[str]:
        """Return a sentence for each table that differs; StepError after the deadline.

        Without `tables`, all of the manifest are compared.
        """
        chosen = self.manifest.tables if tables is None else tables
        comparer, found = Comparer(*self.dsns, self.manifest, options), []
        try:
            for number, table in enumerate(chosen):
                if time.monotonic() > deadline:
                    left = count_noun(len(chosen) - number, "table")
                    raise StepError(f"UNKNOWN: no time is left in the budget to compare {left}")
                if diff := comparer.rows(table):
                    found.append(diff.report())
        finally:
            comparer.close()
        return found
