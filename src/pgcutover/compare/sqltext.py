"""Comparing expressions and types as PostgreSQL prints them, with moved and renamed names.

Both texts come from servers whose search_path is pg_catalog: the table's own columns stand there
bare, everything else of the user's carries its schema. So a bare name that is a column may be
renamed, and a schema may be one to which the mapping moves things. Pure.
"""

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_TOKEN = re.compile(
    r"""(?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<name>[^\W\d][\w$]*)
      | (?P<other>\d[\w.]*|::|[-+*/<>=~!@\#%^&|`?]+|\S)""",
    re.VERBOSE | re.DOTALL,
)
_TYPE_WORDS = frozenset(["with", "without", "time", "zone", "varying", "precision"])


class Likeness(enum.Enum):
    """What two texts are to each other."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL; names are folded as PostgreSQL folds them and lose their quotes."""

    kind: str
    value: str

    @property
    def is_name(self) -> bool:
        """Whether it is an identifier or a key word."""
        return self.kind == "name"


@dataclass(frozen=True, slots=True)
class Names:
    """How names of the source read on the target."""

    columns: Mapping[str, str] = field(default_factory=dict)
    schemas: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def moves(self, source: str, target: str) -> bool:
        """Whether the mapping moves things from one schema to the other."""
        return target in self.schemas.get(source, ())


def alike(source: str | None, target: str | None, names: Names) -> Likeness:
    """Whether the target's text is the source's under its new names.

    UNDECIDED where they differ only in schemas that the mapping does not speak of.
    """
    if source is None or target is None:
        return Likeness.SAME if source == target else Likeness.DIFFERENT
    ours, theirs = _renamed(tokens(source), names.columns), tokens(target)
    if len(ours) != len(theirs):
        return Likeness.DIFFERENT
    places = [n for n, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    if not all(_is_qualifier(ours, n) and _is_qualifier(theirs, n) for n in places):
        return Likeness.DIFFERENT
    known = all(names.moves(ours[n].value, theirs[n].value) for n in places)
    return Likeness.SAME if known else Likeness.UNDECIDED


def same_definition(one: str, other: str) -> bool:
    """Whether two definitions are one, whatever their case, blanks, quotes and ONLY.

    ONLY is how a partitioned table's index is printed; nobody would write it.
    """
    return _essence(one) == _essence(other)


def tokens(text: str) -> list[Token]:
    """The pieces of a text; blanks are gone."""
    return [_token(match) for match in _TOKEN.finditer(text)]


def _token(match: re.Match[str]) -> Token:
    kind, value = str(match.lastgroup), match[0]
    if kind == "quoted":
        return Token("name", value[1:-1].replace('""', '"'))
    return Token(kind, value.lower() if kind == "name" else value)


def _essence(text: str) -> list[Token]:
    return [t for t in tokens(text) if t not in (Token("name", "only"), Token("other", ";"))]


def _renamed(found: Sequence[Token], columns: Mapping[str, str]) -> list[Token]:
    return [
        Token("name", columns[token.value]) if is_column and token.value in columns else token
        for token, is_column in zip(found, _column_places(found), strict=True)
    ]


def _column_places(found: Sequence[Token]) -> Iterator[bool]:
    """Whether each token can be a column: not a function, type, field, collation or qualifier."""
    in_type = False
    before = Token("", "")
    for token, after in pairwise([*found, Token("", "")]):
        if before.value == "::":
            in_type = True
        elif in_type and not (before.value == "." or token.value in (".", *_TYPE_WORDS)):
            in_type = False
        yield (
            token.is_name
            and not in_type
            and after.value not in (".", "(")
            and before.value != "."
            and before != Token("name", "collate")
        )
        before = token


def _is_qualifier(found: Sequence[Token], place: int) -> bool:
    following = found[place + 1 : place + 3]
    is_dotted = len(following) == 2 and following[0] == Token("other", ".")
    return found[place].is_name and is_dotted and following[1].is_name
