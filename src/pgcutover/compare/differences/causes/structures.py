"""Causes found in values with a structure: JSON, arrays, ranges, addresses, UUIDs, XML."""

import ipaddress
import json
import re
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

from pgcutover.compare.differences.causes import Pair

_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*=>\s*(NULL|"(?:[^"\\]|\\.)*")(?:,\s*|$)')
_ELEMENT = re.compile(r'"(?:[^"\\]|\\.)*"|[^,{}"]+|[{}]')
_BOUNDS = re.compile(r"(?:\[-?\d+:-?\d+\])+=")
_LEXEME_POSITIONS = re.compile(r"(?<='):[\dABCD,]+")
_SRID_FLAG = 0x20
_LEAST_HEX = 12  # a macaddr


def _json(text: str, number: type = Decimal) -> Any:
    """Return the parsed document; None for any other text."""
    if text[:1] not in ("{", "["):
        return None
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_float=number, parse_int=number)
    return None


def _same_json(number: type) -> Pair:
    def explains(a: str, b: str) -> bool:
        with suppress(RecursionError, OverflowError, ValueError):
            one = _json(a, number)
            return one is not None and bool(one == _json(b, number))
        return False

    return explains


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _json_nulls(a: str, b: str) -> bool:
    with suppress(RecursionError):
        one, other = _json(a), _json(b)
        return one is not None and _without_nulls(one) == _without_nulls(other)
    return False


def _json_in_json(a: str, b: str) -> bool:
    with suppress(ValueError, RecursionError):
        return b[:1] == '"' and _json(a) is not None and bool(json.loads(b) == a)
    return False


def _hstore(text: str) -> Counter[tuple[str, str]] | None:
    pairs = Counter((m[1], m[2]) for m in _HSTORE.finditer(text))
    return pairs if pairs and not _HSTORE.sub("", text).strip() else None


def _same_hstore(a: str, b: str) -> bool:
    one = _hstore(a)
    return one is not None and one == _hstore(b)


def _elements(text: str) -> list[str] | None:
    if not (text.startswith("{") and text.endswith("}")):
        return None
    return [token for token in _ELEMENT.findall(text) if token not in ("{", "}")]


def _reordered(a: str, b: str) -> bool:
    one, other = _elements(a), _elements(b)
    return one is not None and other is not None and one != other and Counter(one) == Counter(other)


def _flattened(a: str, b: str) -> bool:
    one = _elements(a)
    return one is not None and a[:2] == "{{" and b[:2] != "{{" and one == _elements(b)


def _elements_lost(a: str, b: str) -> bool:
    one, other = _elements(a), _elements(b)
    return one is not None and other is not None and Counter(other) < Counter(one)


def _as_json_array(a: str, b: str) -> bool:
    one = _elements(a)
    parsed = _json(b) if one is not None and b.startswith("[") else None
    return isinstance(parsed, list) and [str(v) for v in parsed] == [
        e.strip('"') for e in one or ()
    ]


def _range_bounds(a: str, b: str) -> bool:
    is_range = a[:1] in ("[", "(") and a[-1:] in ("]", ")") and "," in a
    return is_range and a[1:-1] == b[1:-1] and b[:1] in ("[", "(") and b[-1:] in ("]", ")")


def _host_bits(a: str, b: str) -> bool:
    with suppress(ValueError):
        return "/" in a and str(ipaddress.ip_interface(a).network) == b
    return False


def has_other_netmask(a: str, b: str) -> bool:
    """Return whether both are one address with different netmasks."""
    with suppress(ValueError):
        one, other = ipaddress.ip_interface(a), ipaddress.ip_interface(b)
        return "/" in a + b and one.ip == other.ip
    return False


def _same_address(a: str, b: str) -> bool:
    with suppress(ValueError):
        one, other = ipaddress.ip_address(a), ipaddress.ip_address(b)
        return one == other or other == getattr(one, "ipv4_mapped", None)
    return False


def _uuid_order(a: str, b: str) -> bool:
    with suppress(ValueError):
        return UUID(a).bytes_le == UUID(b).bytes
    return False


def _hex_digits(text: str) -> str:
    return re.sub(r"[-:.{}\s]|^urn:uuid:|^\\x", "", text.lower())


def _same_hex(a: str, b: str) -> bool:
    one, other = _hex_digits(a), _hex_digits(b)
    return len(one) >= _LEAST_HEX and one == other and bool(re.fullmatch("[0-9a-f]+", one))


def _same_xml(a: str, b: str) -> bool:
    if not (a.startswith("<") and b.startswith("<")) or "<!" in a + b:
        return False  # a document type could define entities that grow without bound
    with suppress(ElementTree.ParseError, ValueError, RecursionError):
        one, other = (ElementTree.canonicalize(each, strip_text=True) for each in (a, b))
        return one == other
    return False


def _srid(a: str, b: str) -> bool:
    """Return whether two geometries in PostGIS's extended WKB differ only in their SRID."""
    with suppress(ValueError):
        one, other = _without_srid(bytes.fromhex(a)), _without_srid(bytes.fromhex(b))
        return one is not None and one == other
    return False


def _without_srid(geometry: bytes) -> bytes | None:
    if len(geometry) < 9 or geometry[0] != 1:
        return None
    flags = geometry[4]
    body = geometry[9:] if flags & _SRID_FLAG else geometry[5:]
    return geometry[1:4] + bytes([flags & ~_SRID_FLAG]) + body


FIRST: tuple[tuple[str, Pair], ...] = (
    ("UUID with its first fields in the other byte order", _uuid_order),
    ("hexadecimal digits grouped differently", _same_hex),
    ("host bits of the address lost", _host_bits),
    ("netmask lost or changed", has_other_netmask),
    ("address written differently", _same_address),
    ("JSON rewritten with the same value", _same_json(Decimal)),
    ("JSON numbers converted through double precision", _same_json(float)),
    ("null members of JSON lost or added", _json_nulls),
    ("JSON stored as a JSON string", _json_in_json),
    ("hstore rewritten with the same pairs", _same_hstore),
    ("array bounds lost", lambda a, b: bool(_BOUNDS.match(a)) and _BOUNDS.sub("", a) == b),
    ("array dimensions flattened", _flattened),
    ("array elements in another order", _reordered),
    ("array elements lost", _elements_lost),
    ("array written as JSON", _as_json_array),
    ("range bound changed between inclusive and exclusive", _range_bounds),
    ("positions of lexemes lost", lambda a, b: "':" in a and _LEXEME_POSITIONS.sub("", a) == b),
    ("SRID of the geometry lost or changed", _srid),
    ("XML rewritten with the same content", _same_xml),
)
