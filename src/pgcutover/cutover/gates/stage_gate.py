"""The final gate: the suite's stage `freeze` in a warm process, and the proof of the rows."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pgcutover.cutover.errors import StepError
from pgcutover.cutover.protocols import FinalGate, SideFreeze
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.world import Budget
from pgcutover.errors import FreezeError
from pgcutover.freeze import FreezeState, WarmGate

_EVIDENCE_SECONDS = 30.0


@dataclass(slots=True)
class StageGate:
    """Judges the stage and the rows at the same time; both must pass.

    `make` makes a process of the suite that writes to a folder, `reference` returns the folder of
    the run that passed, if there is one. `mover_role` is '' where a hook fences the mover.
    """

    rows: FinalGate
    freezes: Mapping[Side, SideFreeze]
    budget: Budget
    folder: Path
    make: Callable[[Path], WarmGate]
    reference: Callable[[], Path | None]
    mover_role: str
    mover_hook: bool
    _warm: WarmGate | None = field(default=None, repr=False)
    _is_judged: bool = False

    def prepare(self, writer: Side) -> float | None:
        """Warm both parts; return the forecast of the rows' proof."""
        self._close_stage()
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._warm = self.make(self.folder / name)
        self._warm.start(writer.value, self.reference() if writer is Side.SOURCE else None)
        return self.rows.prepare(writer)

    def hold(self) -> None:
        """Lock the writer's tables for reading in all sessions that read them in the freeze."""
        self._opened().hold()
        self.rows.hold()

    def release(self) -> None:
        """Let go of these locks; a stage that was judged ends by itself."""
        self.rows.release()
        if self._warm is not None and not self._is_judged:
            self._warm.release()

    def prove(self, writer: Side, seconds: float) -> Mapping[str, object]:
        """Judge both parts; StepError unless both are PASS."""
        warm, self._is_judged = self._opened(), True
        state = FreezeState(
            self.freezes[writer].backend_pid,
            time.time() + seconds - self.budget.seconds,
            self.budget.seconds,
            mover_role=self.mover_role,
            mover_hook=self.mover_hook,
        )
        with ThreadPoolExecutor(1) as pool:
            stage = pool.submit(warm.judge, state, seconds)
            facts = dict(self.rows.prove(writer, seconds))
            verdict = stage.result()
        if verdict.verdict != "PASS":
            raise StepError(f"{verdict.verdict}: {'; '.join(verdict.reasons[:3])}")
        return {**facts, "stage": "freeze"}

    def close(self) -> None:
        """End the process once its evidence is written, and close the rows' sessions."""
        self._close_stage()
        self.rows.close()

    def _close_stage(self) -> None:
        warm, self._warm = self._warm, None
        is_judged, self._is_judged = self._is_judged, False
        if warm is not None:
            with suppress(FreezeError):  # final-gate.log says why there is no evidence
                if is_judged:
                    warm.wait_for_evidence(_EVIDENCE_SECONDS)
            warm.close()

    def _opened(self) -> WarmGate:
        if self._warm is None:
            raise StepError("UNKNOWN: the final gate was not warm before the freeze")
        return self._warm
