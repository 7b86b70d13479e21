"""The night of a rehearsal: after a PASS, before the servers end."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pgcutover.checking.coverage import Judgement
from pgcutover.error_texts.public_errors import public_error
from pgcutover.errors import PgCutoverError
from pgcutover.exit_codes import ExitCode
from pgcutover.plugin.run_folder.run_log import RunJournal
from pgcutover.plugin.run_options import Options
from pgcutover.verdict import Verdict

if TYPE_CHECKING:
    from pgcutover.rehearsal.stage import Stage
    from pgcutover.rehearsal.timeline import Night


@dataclass(slots=True)
class NightRun:
    """The result of a night: lines for the terminal, and an exit code other than 0 if it failed."""

    lines: list[str] = field(default_factory=list)
    exit_code: int = 0

    def play(
        self,
        options: Options,
        stage: "Stage | None",
        judgement: Judgement,
        journal: RunJournal,
    ) -> None:
        """Play the night that the options ask for; a failure is UNKNOWN, a lost write FAIL."""
        if stage is None or not options.plays_night:
            return
        if judgement.verdict is not Verdict.PASS:
            self.lines = [f"night     not begun: the verdict is {judgement.verdict.name}"]
            return
        import pgcutover.setup.smoke
        from pgcutover.rehearsal.night import run_night
        from pgcutover.rehearsal.timeline import night_lines

        try:
            with journal.phase("night"):
                smoke = Path(pgcutover.setup.smoke.__path__[0])
                night = run_night(options.settings, stage, smoke, journal.say, options.break_at)
        except Exception as error:  # whatever it is, a traceback would show DSNs
            self.lines = [f"night     failed: {public_error(error)}"]
            self.exit_code = ExitCode.UNKNOWN
            return
        self.lines = night_lines(night)
        self._write(night, options.out)
        self.exit_code = ExitCode.PASS if night.is_good else ExitCode.FAIL

    def _write(self, night: "Night", out: Path) -> None:
        """Write night.json, and the sign-off page again, with the night."""
        from pgcutover.reports.html import write_html
        from pgcutover.reports.night import read_night
        from pgcutover.verdict_json.file import read_verdict, write_text_atomically

        try:
            path = write_text_atomically(json.dumps(night.plain(), indent=1), out / "night.json")
            write_html(read_verdict(out / "verdict.json"), out / "signoff.html", read_night(path))
        except PgCutoverError as error:
            self.lines.append(f"night     the sign-off page shows no night: {error}")
