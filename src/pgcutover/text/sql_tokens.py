"""The tokens of SQL text."""

import re
from collections.abc import Iterator

TOKEN = re.compile(
    r"""
      (?P<skip>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<quoted>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<open>[eE]?'|")
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r'"[a-z_][a-z0-9_$]*"')


def same_definition(one: str, other: str) -> bool:
    """Return whether two definitions are equal but for case, blanks, needless quotes and ONLY.

    PostgreSQL prints ONLY for the index of a partitioned table; nobody writes it.
    """
    return list(_significant(one)) == list(_significant(other))


def _significant(text: str) -> Iterator[str]:
    at = 0
    while token := TOKEN.match(text, at):
        kind, value, at = token.lastgroup, token[0], token.end()
        if kind == "dollar":  # what it quotes is compared as it is
            end = text.find(value, at)
            at = len(text) if end < 0 else end + len(value)
            value = text[token.start() : at]
        elif kind == "word":
            value = value.lower()
        elif _PLAIN_NAME.fullmatch(value):
            value = value[1:-1]
        if kind != "skip" and value not in ("only", ";"):
            yield value
