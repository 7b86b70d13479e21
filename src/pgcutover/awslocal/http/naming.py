"""Identifiers and tags under DMS's rules."""

import re
from collections.abc import Iterable, Mapping

from pgcutover.awslocal.http.aws_errors import invalid

_IDENTIFIER = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")


def identifier(text: str, member: str, longest: int = 255) -> str:
    """Return the identifier in lower case, as DMS stores it; DmsFault if it breaks DMS's rules."""
    if not _IDENTIFIER.fullmatch(text) or len(text) > longest:
        raise invalid(
            f"{member} {text!r} is not valid: it must begin with a letter, hold only ASCII "
            "letters, digits and hyphens, not end with a hyphen or hold two in a row, and have "
            f"at most {longest} characters."
        )
    return text.lower()


def resource_id(text: str | None) -> str | None:
    """Return the resource id the caller chose for the ARN, or None for a generated one."""
    if text is None:
        return None
    identifier(text, "ResourceIdentifier", 31)
    return text.upper()


def tags(entries: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return AWS's list of keys and values as a mapping."""
    return {entry["Key"]: entry.get("Value", "") for entry in entries or ()}
