"""Messages of AWS as they may be shown."""

import re

from pgcutover.text.redact import without_passwords

_LONGEST = 600


def public_text(text: str | None) -> str:
    """Return a message of AWS on one line, shortened and without passwords."""
    line = " ".join(without_passwords(_blank_passwords(text or "")).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _blank_passwords(text: str) -> str:
    return re.sub(
        r"(?i)(\"?\b(?:password|pwd)\b\"?\s*[:=]\s*)(\"[^\"]*\"|[^\s,;}]+)", r"\1***", text
    )
