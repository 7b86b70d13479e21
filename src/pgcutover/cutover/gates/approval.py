"""Approval of the point of no return: by --yes, or typed at the terminal."""

import getpass
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.resolver import State


@dataclass(frozen=True, slots=True)
class Approval:
    """The approval of a command: `--yes`, or the migration's name typed at a terminal."""

    migration: str
    yes: bool
    second_approver: bool
    approved_by: str | None

    def __call__(self, state: State) -> Mapping[str, object]:
        """Return who approved; RefusedError if nobody did."""
        operator = getpass.getuser()
        facts: dict[str, object] = {"operator": operator}
        if self.second_approver:
            facts["approved_by"] = self._second(operator)
        if not self.yes:
            self._ask(state)
        return facts

    def _second(self, operator: str) -> str:
        name = (self.approved_by or "").strip()
        if not name or name == operator:
            raise RefusedError(
                "cutover.second_approver is set: expected --approved-by NAME of another person "
                f"than {operator}, found {name or 'nobody'}"
            )
        return name

    def _ask(self, state: State) -> None:
        if state.frozen:
            raise RefusedError(
                "clients cannot write while a question waits for its answer: expected --yes to go "
                "on, and went back instead"
            )
        if not sys.stdin.isatty():
            raise RefusedError(
                f"opening the {state.standby} is the point of no return: expected --yes, or a "
                "terminal to ask at; found neither"
            )
        sys.stderr.write(
            f"Once the {state.standby} is open, its first write is the point of no return: the way "
            f"back is `pgcutover rollback`.\nType the migration's name to approve: "
        )
        sys.stderr.flush()
        if sys.stdin.readline().strip() != self.migration:
            raise RefusedError("not approved: another text than the migration's name was typed")
