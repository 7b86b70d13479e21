"""Commands for the user of a run, as they work in the folder where the run was started."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pgcutover.checking.remedies import Remedy, remedy_for
from pgcutover.key_hash.hashing import KeySecret
from pgcutover.verdict import Finding, Result


@dataclass
class UserCommands:
    """Fills in the commands of remedies for one run."""

    out: Path
    key_secret: KeySecret | None = field(repr=False)

    def remedy(self, check_id: str, finding: Finding) -> Remedy | None:
        """Return the advice about a finding, without commands that would print nothing."""
        known = {"pgcutover": call_pgcutover()}
        if self.key_secret is not None:
            known["run"] = shlex.quote(shown_path(self.out))
        if check_id.startswith("SCHEMA-") and finding.object in self._fixable:
            known |= self._snapshots
        return remedy_for(check_id, finding, known)

    def remedies(self, result: Result) -> list[Remedy]:
        """Return the advice about a result, each once."""
        found = (self.remedy(result.check_id, finding) for finding in result.findings)
        return list(dict.fromkeys(remedy for remedy in found if remedy is not None))

    def plain(self, result: Result) -> dict[str, Any]:
        """Return a result as verdict.json has it, with the advice about each finding."""
        plain = asdict(result)
        findings = [
            {**each, "remedy": None if remedy is None else asdict(remedy)}
            for each, found in zip(plain["findings"], result.findings, strict=True)
            for remedy in [self.remedy(result.check_id, found)]
        ]
        return {**plain, "verdict": result.verdict.name, "findings": findings}

    @property
    def _snapshots(self) -> Mapping[str, str]:
        folder = self.out / "schema"
        sides = {name: folder / f"{name}.json" for name in ("expected", "target")}
        return {name: shlex.quote(shown_path(path)) for name, path in sides.items()}

    @cached_property
    def _fixable(self) -> frozenset[str]:
        from pgcutover.schema.fix.fixable import list_fixable

        expected, target = (self.out / "schema" / f"{n}.json" for n in ("expected", "target"))
        try:
            return list_fixable(expected, target) if expected.exists() else frozenset()
        except Exception:  # a fault in advice must not change a verdict
            return frozenset()


def call_pgcutover() -> str:
    """Return the command `pgcutover`, or how to call it where it is not on PATH."""
    own = Path(sys.executable).parent / "pgcutover"
    found = shutil.which("pgcutover")
    if found is not None and Path(found).absolute() == own.absolute():
        return "pgcutover"
    return f"{shlex.quote(shown_path(Path(sys.executable)))} -m pgcutover"


def shown_path(path: Path) -> str:
    """Return a path from the current folder, where that is shorter."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
