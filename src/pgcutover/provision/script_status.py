"""Checks that the target's schema scripts are applied; reads only."""

from dataclasses import dataclass
from pathlib import Path

import psycopg

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ProvisionError, UnreadableError
from pgcutover.provision.scripts import plan
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class ScriptsDiff:
    """Scripts of one phase that are not applied on the target; truthy if there are any."""

    phase: str
    pending: tuple[str, ...]
    trouble: str = ""

    def __bool__(self) -> bool:
        """Return whether the target differs from the folder."""
        return bool(self.pending or self.trouble)

    def report(self) -> str:
        """Return one sentence."""
        if self.trouble:
            return self.trouble
        names = ", ".join(self.pending) or "nothing"
        return f"{self.phase}: not applied on the target: {names}; run with --provision"

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding for each script, or one for the folder."""
        if self.trouble:
            return (Finding(self.phase, "script changed", self.trouble),)
        return tuple(
            Finding(f"{self.phase}/{name}", "script pending", f"{self.phase}/{name} is not applied")
            for name in self.pending
        )


@dataclass(frozen=True, slots=True)
class ScriptsState:
    """Compares the script folders with the journal on the target."""

    conn: Connection
    folder: Path

    def applied(self, phase: str) -> ScriptsDiff:
        """Return the scripts of a phase that are not applied, or that changed since."""
        try:
            pending = plan(self.conn, self.folder, phase)
        except psycopg.Error as error:
            raise UnreadableError(
                f"the journal on the target cannot be read: {describe_error(error)}; grant usage "
                "on schema pgcutover and select on its tables"
            ) from error
        except ProvisionError as error:
            return ScriptsDiff(phase, (), str(error))
        return ScriptsDiff(phase, tuple(script.name for script in pending))
