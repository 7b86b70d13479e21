"""The latest gate that was run from this folder, and the time in which it compared each table."""

from collections.abc import Mapping
from pathlib import Path

from pgcutover.config import Settings
from pgcutover.errors import PgCutoverError
from pgcutover.verdict_json.file import read_verdict

_SCANS = ("DATA-ROWS", "DATA-COUNTS")  # whichever of them is first reads the table


def latest_verdict(settings: Settings) -> Path:
    """Return the path of its verdict.json."""
    return (Path.cwd() / settings.report.directory / "latest" / "verdict.json").resolve()


def comparison_seconds(settings: Settings) -> Mapping[str, float]:
    """Return the time for each table by its name on the target; empty without a gate."""
    try:
        results = read_verdict(latest_verdict(settings)).results
    except PgCutoverError:
        return {}
    found: dict[str, float] = {}
    for result in results:
        if result.check_id in _SCANS:
            found[result.object] = found.get(result.object, 0.0) + result.duration_seconds
    return found
