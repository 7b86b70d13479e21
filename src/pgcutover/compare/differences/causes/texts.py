"""Causes found in text: encodings, normalization, escaping, masking, lost characters."""

import base64
import binascii
import hashlib
import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import product
from urllib.parse import unquote, unquote_plus

from pgcutover.compare.differences.causes import Pair

_CHARSETS = ("utf-8", "latin-1", "cp1252", "iso8859-15", "cp1250", "cp1251", "cp437", "cp850",
             "mac_roman", "shift_jis", "gbk", "euc_kr", "big5")  # fmt: skip
_TYPOGRAPHIC = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-",
     "\u2026": "..."}
)  # fmt: skip
_PLACEHOLDERS = ("__debezium_unavailable_value", "unchanged-toast-datum", "unchanged_toast")
_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
_LEAST_COMMON = 3


def _visible(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and not c.isspace())


def _normalized(form: str) -> Pair:
    def explains(a: str, b: str) -> bool:
        return unicodedata.normalize(form, a) == unicodedata.normalize(form, b)  # type: ignore[arg-type]

    return explains


def _unaccented(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _accents(a: str, b: str) -> bool:
    return not a.isascii() and _unaccented(a) == b


def _lost(matches: re.Pattern[str]) -> Pair:
    def explains(a: str, b: str) -> bool:
        return a != b and matches.sub("", a) == b

    return explains


def _backslashes(a: str, b: str) -> bool:
    return a.replace("\\", "") == b.replace("\\", "")


def _quoted(a: str, b: str) -> bool:
    return any(b == f"{q}{a}{q}" or a == f"{q}{b}{q}" for q in "\"'`")


def _either(*decoders: Callable[[str], str | None]) -> Pair:
    """Return a test that one text is the encoded form of the other."""

    def explains(a: str, b: str) -> bool:
        return any(decode(b) == a or decode(a) == b for decode in decoders)

    return explains


def _unescaped(text: str) -> str | None:
    if "\\" not in text or not text.isascii():
        return None
    with suppress(UnicodeError):
        return text.encode("ascii").decode("unicode_escape")
    return None


def _from_base64(text: str) -> str | None:
    if len(text) < 4:
        return None
    with suppress(binascii.Error, UnicodeError, ValueError):
        return base64.b64decode("".join(text.split()), validate=True).decode()
    return None


def _bytes_of(text: str) -> bytes | None:
    with suppress(ValueError):
        return bytes.fromhex(text[2:]) if text.startswith("\\x") else None
    return None


def _bytes_as_base64(a: str, b: str) -> bool:
    value = _bytes_of(a)
    return bool(value) and b in (
        base64.b64encode(value or b"").decode(),
        "\\x" + base64.b64encode(value or b"").hex(),
    )


def _reversed_bytes(a: str, b: str) -> bool:
    one, other = _bytes_of(a), _bytes_of(b)
    return one is not None and other is not None and len(one) > 1 and one[::-1] == other


def _zero_bytes(a: str, b: str) -> bool:
    one, other = _bytes_of(a), _bytes_of(b)
    return one is not None and other is not None and one.strip(b"\0") == other.strip(b"\0")


def _reread(a: str, b: str) -> bool:
    """Return whether the bytes of one text were read in a wrong encoding, once or twice."""
    return _is_reread(a, b) or _is_reread(b, a)


def _is_reread(a: str, b: str) -> bool:
    if a.isascii() and b.isascii():
        return False
    for own, wrong in product(_CHARSETS, repeat=2):
        with suppress(UnicodeError):
            once = a.encode(own).decode(wrong)
            if own != wrong and b in (once, once.encode(own).decode(wrong)):
                return True
    return False


def _replaced(a: str, b: str) -> bool:
    if "\ufffd" in b and "\ufffd" not in a:
        return True
    return "?" in b and not a.isascii() and b.isascii()


def _masked(a: str, b: str) -> bool:
    """Return whether characters were replaced by a mask, and the others kept their positions."""
    if b and set(b) <= set("*#•"):
        return True
    differ = {y for x, y in zip(a, b, strict=False) if x != y}
    return len(a) == len(b) > 1 and len(differ) == 1 and differ <= set("*#•xX_")


def _digest(a: str, b: str) -> bool:
    value = a.encode()
    wanted = b.lower().removeprefix("\\x")
    return any(hashlib.new(name, value).hexdigest() == wanted for name in _DIGESTS)


def _placeholder(_: str, b: str) -> bool:
    value = _bytes_of(b)
    readable = b if value is None else value.decode(errors="replace")
    return any(each in (readable, _from_base64(readable)) for each in _PLACEHOLDERS)


def _ellipsis(a: str, b: str) -> bool:
    return any(b.endswith(end) and a.startswith(b[: -len(end)]) for end in ("...", "\u2026"))


# from special to general: the first cause that explains every pair is reported
FIRST: tuple[tuple[str, Pair], ...] = (
    ("a value became ''", lambda a, b: b == ""),
    ("'' became a value", lambda a, b: a == ""),
    ("a mover's placeholder for an unchanged large value", _placeholder),
    ("trailing blanks differ", lambda a, b: a.rstrip(" ") == b.rstrip(" ")),
    ("leading blanks differ", lambda a, b: a.lstrip(" ") == b.lstrip(" ")),
    ("line endings differ", lambda a, b: a.splitlines() == b.splitlines() and "\n" in a + b),
    ("letter case differs", lambda a, b: a.casefold() == b.casefold()),
    ("Unicode normalization differs", _normalized("NFC")),
)
THEN: tuple[tuple[str, Pair], ...] = (
    ("text decoded in the wrong encoding", _reread),
    ("characters replaced by U+FFFD or ?", _replaced),
    ("blanks or invisible characters differ", lambda a, b: _visible(a) == _visible(b)),
    ("compatibility characters replaced", _normalized("NFKC")),
    ("accents lost", _accents),
    ("typographic characters replaced", lambda a, b: a.translate(_TYPOGRAPHIC) == b),
    ("characters outside the BMP lost", _lost(re.compile("[\U00010000-\U0010ffff]"))),
    ("non-ASCII characters lost", _lost(re.compile(r"[^\x00-\x7f]"))),
    ("backslashes lost or doubled", _backslashes),
    ("quotes doubled", _either(lambda text: text.replace("''", "'"))),
    ("wrapped in quotes", _quoted),
    ("HTML entities escaped or unescaped", _either(html.unescape)),
    ("percent-encoded", _either(unquote, unquote_plus)),
    ("characters escaped with backslashes", _either(_unescaped)),
    ("encoded as base64", _either(_from_base64)),
    ("bytes encoded as base64", _bytes_as_base64),
    ("bytes stored as their own hex text", lambda a, b: b == "\\x" + a.encode().hex()),
    ("byte order reversed", _reversed_bytes),
    ("zero bytes lost or added", _zero_bytes),
    ("replaced by its digest", _digest),
    ("truncated with an ellipsis", _ellipsis),
    ("characters masked", _masked),
    ("beginning lost", lambda a, b: len(b) >= _LEAST_COMMON and a.endswith(b)),
)


def same_addition(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return the cause if the same text was added before or after every value; else None."""
    if len(pairs) < 2:
        return None
    if all(a and b.startswith(a) for a, b in pairs) and len({b[len(a) :] for a, b in pairs}) == 1:
        return "the same text added after every value"
    added = {b.removesuffix(a) for a, b in pairs}
    if all(a and b.endswith(a) for a, b in pairs) and len(added) == 1:
        return "the same text added before every value"
    return None
