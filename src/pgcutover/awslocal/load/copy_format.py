"""Changes values in COPY's text format."""

import re
from collections.abc import Sequence

from pgcutover.awslocal.mapping.value_conversion import Converter

_SPECIAL = {
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_ESCAPES = {"\\": "\\\\", **{char: f"\\{letter}" for letter, char in _SPECIAL.items()}}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r"[\\\b\f\n\r\t\v]")


def unescape(text: str) -> str:
    """Return the value of a field that is not null."""
    return _ESCAPED.sub(lambda m: _SPECIAL.get(m[1], m[1]), text) if "\\" in text else text


def escape(value: str) -> str:
    """Return the field for a value that is not null."""
    return _TO_ESCAPE.sub(lambda m: _ESCAPES[m[0]], value)


class LineFilter:
    """Changes the values in COPY lines that DMS changes."""

    def __init__(self, converters: Sequence[Converter | None], always: bool, size: int) -> None:
        """Parse all lines if `always`, else those longer than `size` or containing infinity."""
        self._converters = tuple(converters)
        self._idle = not any(converters)
        self._always = always
        self._size = size
        self.changed = [0] * len(self._converters)

    def pass_on(self, line: bytes) -> bytes:
        """Return the line to send; the same bytes unless a value changes."""
        if self._idle or not self._suspicious(line):
            return line
        fields = line[:-1].decode().split("\t")
        for n, convert in enumerate(self._converters):
            if convert and fields[n] != "\\N":
                fields[n] = self._converted(n, convert, fields[n])
        return ("\t".join(fields) + "\n").encode()

    def _converted(self, n: int, convert: Converter, field: str) -> str:
        before = unescape(field)
        after = convert(before)
        if after == before:
            return field
        self.changed[n] += 1
        return escape(after)

    def _suspicious(self, line: bytes) -> bool:
        return self._always or len(line) > self._size or b"infinity" in line
