"""Formats numbers, times and untrusted text for readers."""

import math
import unicodedata
from datetime import UTC, datetime

from markupsafe import Markup, escape

_INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def visible(value: object) -> object:
    """Return a text with control, bidi and other invisible characters escaped.

    An object's name may contain a right-to-left override that changes how the page reads.
    """
    if type(value) is not str or value.isprintable():
        return value
    return "".join(c if c in "\n\t" or not _hidden(c) else _escape(c) for c in value)


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in _INVISIBLE


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: int | None) -> str:
    """Return 1234567 as 1,234,567."""
    return "not counted" if value is None else f"{value:,}"


def duration(seconds: float) -> str:
    """Return seconds in milliseconds, seconds, minutes or hours."""
    if seconds < 0.995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(math.floor(seconds + 0.5), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text: str | None) -> str:
    """Return an ISO 8601 time in UTC, to the second; any other text stays as it is."""
    if not text:
        return "not known"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    if at.tzinfo is None:
        return f"{at:%Y-%m-%d %H:%M:%S}"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def label(key: str) -> str:
    """Return a key of the evidence as words: `key_hashes` as `key hashes`."""
    return key.replace("_", " ")


def breakable(name: str) -> Markup:
    """Return an escaped name that may break after a dot or an underscore in a narrow column."""
    safe = str(escape(visible(name)))
    return Markup(safe.replace(".", ".<wbr>").replace("_", "_<wbr>"))  # noqa: S704 - escaped above


def claim(title: str) -> str:
    """Return a check's title without its full stop."""
    return title.strip().removesuffix(".")


def known(value: object) -> str:
    """Return a fact of a server, or `not known`."""
    if value is None or value == "":
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
