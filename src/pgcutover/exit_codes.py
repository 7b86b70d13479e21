"""Exit codes of a gate run, of the command `pgcutover` and of bootstrap.py: the only table."""

import enum


class ExitCode(enum.IntEnum):
    """Exit codes; only PASS opens a cutover."""

    PASS = 0
    FAIL = 1
    INTERRUPTED = 2  # pytest's own
    UNKNOWN = 3
    USAGE = 4  # pytest's own


SIGNAL_BASE = 128  # a shell's convention: 130 after Ctrl-C, 143 after SIGTERM

_TABLE = (
    ("0", "PASS", "every expected result was reported, and none found a difference"),
    ("1", "FAIL", "source and target differ"),
    ("2", "UNKNOWN", "the run was interrupted"),
    ("3", "UNKNOWN", "something could not be decided, or the run could not start"),
    ("4", "UNKNOWN", "wrong options, a mistake in migration.toml, or a variable that is not set"),
    ("128 + n", "UNKNOWN", "bootstrap.py or `pgcutover servers` was ended by signal n"),
)


def markdown_table() -> str:
    """Return the table as README.md shows it."""
    lines = ["| code | verdict | meaning |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in _TABLE)]) + "\n"
