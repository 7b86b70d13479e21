"""Diagnoses the cause of a column's differences from sampled values of both sides.

Only the name of the cause is reported, never a value.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pgcutover.compare.differences.causes import Pair, columns, numbers, structures, texts, times

SHOWN_CHARACTERS = 4000  # of a value, for the diagnosis; longer ones are compared by their digest
UNNAMED = "values differ"

Texts = Sequence[tuple[str, str]]
_CONSTANTS = {
    "": "''",
    "0": "0",
    "f": "false",
    "NULL": "the text NULL",
    "null": "the text null",
    "\\N": "the text \\N",
    "None": "the text None",
    "{}": "{}",
    "[]": "[]",
    "\\x": "empty bytes",
    "NaN": "NaN",
    "00000000-0000-0000-0000-000000000000": "the nil UUID",
    "1970-01-01": "the Unix epoch",
    "1970-01-01 00:00:00": "the Unix epoch",
    "1970-01-01 00:00:00+00": "the Unix epoch",
    "0001-01-01": "0001-01-01",
    "0001-01-01 00:00:00": "0001-01-01",
    "0001-01-01 00:00:00+00": "0001-01-01",
}
_PAIRS: tuple[tuple[str, Pair], ...] = (
    *texts.FIRST,
    *times.FIRST,
    *numbers.FIRST,
    *structures.FIRST,
    *texts.THEN,
)
_GROUPS: tuple[Callable[[Texts], str | None], ...] = (
    columns.swapped_between_rows,
    times.shift,
    numbers.rounded,
    numbers.constant_change,
    columns.one_value,
    texts.same_addition,
    columns.of_other_rows,
    columns.renamed,
)


@dataclass(frozen=True, slots=True)
class ValueSample:
    """A value's beginning, its length, and its digest; the text is None for NULL.

    Equal digests mean equal values; lengths depend on the database's encoding.
    """

    text: str | None = field(repr=False, compare=False)
    characters: int = field(compare=False)
    octets: int = field(compare=False)
    digest: bytes | None = field(repr=False)

    @property
    def is_whole(self) -> bool:
        """Return whether the text is the whole value."""
        return self.characters <= SHOWN_CHARACTERS


def diagnose(pairs: Sequence[tuple[ValueSample, ValueSample]]) -> str:
    """Return the cause that explains every pair, the most frequent one, or 'values differ'."""
    if any(a.text is None or b.text is None for a, b in pairs):
        return _null_cause([(a.text, b.text) for a, b in pairs])
    if all(_is_cut(a, b) for a, b in pairs):
        return _cut_at([b for _, b in pairs])
    if not all(a.is_whole and b.is_whole for a, b in pairs):
        return UNNAMED
    found = [(a.text or "", b.text or "") for a, b in pairs]
    return _common_cause(found) or _most_frequent_cause(found)


def _common_cause(found: Texts) -> str | None:
    for name, explains in _PAIRS:
        if all(explains(a, b) for a, b in found):
            return name
    return next(filter(None, (explain(found) for explain in _GROUPS)), None)


def _most_frequent_cause(found: Texts) -> str:
    """Return the cause of more than half of three or more pairs, with its share."""
    causes = Counter(next((n for n, explains in _PAIRS if explains(*pair)), "") for pair in found)
    name, count = causes.most_common(1)[0]
    if not name or len(found) < 3 or count * 2 <= len(found):
        return UNNAMED
    return f"{name} in {count} of {len(found)} sampled rows, values differ in the rest"


def _null_cause(pairs: Sequence[tuple[str | None, str | None]]) -> str:
    if all(a is None for a, _ in pairs):
        return f"NULL became {_word({b for _, b in pairs})}"
    if all(b is None for _, b in pairs):
        return f"{_word({a for a, _ in pairs})} became NULL"
    return "NULL and values mixed up"


def _word(values: set[str | None]) -> str:
    return _CONSTANTS.get(values.pop() or "", "a value") if len(values) == 1 else "a value"


def _is_cut(a: ValueSample, b: ValueSample) -> bool:
    if not 0 < b.characters < a.characters:
        return False
    begins = (a.text or "").startswith(b.text or "")
    lost = (a.text or "")[b.characters :]
    return begins and not _is_fraction(a, b) and not (a.is_whole and lost.strip(" ") in ("", "BC"))


def _is_fraction(a: ValueSample, b: ValueSample) -> bool:
    """Return whether both are numbers, times or addresses, which have more specific causes."""
    both = (a.text or "", b.text or "")
    parsed = (
        all(parse(text) is not None for text in both) for parse in (numbers.number, times.stamp)
    )
    return a.is_whole and (any(parsed) or structures.has_other_netmask(*both))


def _cut_at(cut: Sequence[ValueSample]) -> str:
    if all((c.text or "").startswith("\\x") for c in cut):
        lengths, unit = {c.octets // 2 - 1 for c in cut}, "bytes"
    elif len({c.octets for c in cut}) == 1 and len({c.characters for c in cut}) != 1:
        lengths, unit = {c.octets for c in cut}, "bytes"
    else:
        lengths, unit = {c.characters for c in cut}, "characters"
    return f"truncated at {lengths.pop()} {unit}" if len(lengths) == 1 else "truncated"
