"""Keeps secrets and row values out of every text that is written."""

import re

_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)|(://[^:/@\s]*):[^@\s]+@", re.I)


def without_passwords(text: str) -> str:
    """Return the text with the passwords of conninfo strings and URLs blanked."""
    return _PASSWORD.sub(lambda m: f"{m[1]}***" if m[1] else f"{m[3]}:***@", text)
