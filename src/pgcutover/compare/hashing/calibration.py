"""Calibration: finds out type by type whether two servers' hash functions agree.

Hash functions are an implementation detail that may change with version, build and byte order. Both
servers hash the same constants. A type on which they disagree is compared by its text; servers that
disagree on text are compared by SHA-256.
"""

from dataclasses import dataclass

from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.errors import ServerError

ROW, LONG_TEXT, SHA256 = "row hash", "hash of the row's text", "sha256 of the row's text"
_ROW_HASH_SINCE = 140000  # hash_record_extended (PostgreSQL 14 release notes, E.23)
_PROBE_SEED = 0x5EED_0DD5

# lengths on both sides of the 12-byte blocks in which bytes are hashed (src/common/hashfn.c)
_LENGTHS = (0, 1, 3, 4, 5, 8, 11, 12, 13, 23, 24, 25, 100)
_BYTES = [f"decode(repeat('a1b2c3d4e5f6', {n}), 'hex')" for n in _LENGTHS]
_TEXTS = [f"substr(repeat('aZ9 x-', 20), 1, {n})" for n in _LENGTHS]
_FLOATS = ("1", "1e-30", "-1.25e30", "NaN", "-Infinity")
_TIMES = ["2000-01-01 00:00:00", "1969-07-20 20:17:40.123456", "4713-01-01 BC", "infinity"]
_PROBES: dict[str, list[str]] = {
    "bool": [f"hashint4extended(1, 7 # int8(int4({b})))" for b in ("true", "false")],
    "int2": ["hashint4extended(1, 7 # int8((-1)::int2))"],
    "int4": ["hashint4extended(1, 7 # int8(-1))"],
    "date": ["date '2000-01-01'", "date '4713-01-01 BC'", "date 'infinity'"],
    "oid": ["0::oid", "4294967295::oid"],
    "char": ["'a'::\"char\"", "'Z'::\"char\""],
    "uuid": ["uuid_hash_extended('00000000-0000-0000-0000-000000000000'::uuid, 7)",
             "uuid_hash_extended('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 7)"],
    "bytea": _BYTES,
    "inet": ["inet '10.0.0.1/8'", "inet '2001:db8::1/64'"],
    "cidr": ["cidr '10.0.0.0/8'", "cidr '2001:db8::/32'"],
    "macaddr": ["macaddr '08:00:2b:01:02:03'"],
    "macaddr8": ["macaddr8 '08:00:2b:01:02:03:04:05'"],
    "text": [*(f'{text} collate "C"' for text in _TEXTS),
             *(f'hashtextextended({text} collate "C", 7)' for text in _TEXTS)],
    "float4": [f"hashfloat8extended(float8('{x}'::float4), 7)" for x in _FLOATS],
    "float8": [f"hashfloat8extended('{x}'::float8, 7)" for x in _FLOATS],
    "int8": [f"hashint4extended(1, 7 # ({n})::int8)" for n in (0, -1, 2**63 - 1)],
    "timestamp": [f"timestamp_send('{t}'::timestamp)" for t in _TIMES],
    "timestamptz": [f"timestamptz_send('{t}+00'::timestamptz)" if t != "infinity"
                    else "timestamptz_send('infinity'::timestamptz)" for t in _TIMES],
    "time": ["time_send(time '00:00')", "time_send(time '23:59:59.999999')"],
    "timetz": ["timetz_send(timetz '14:00+02')", "timetz_send(timetz '00:00-11:30')"],
    "interval": ["interval_send(interval '1 year 2 months 3 days 4:05:06.7')",
                 "interval_send(interval '-1 month 30 days -1 hour')"],
    "money": ["cash_send(0::money)", "cash_send((-1)::money)"],
    "numeric": ["numeric_send(0.00)", "numeric_send(-12345.6789)", "numeric_send(1e100)",
                "numeric_send(1e-100)", "numeric_send('NaN'::numeric)"],
    "pg_lsn": ["pg_lsn_send('0/0'::pg_lsn)", "pg_lsn_send('FFFFFFFF/FFFFFFFF'::pg_lsn)"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibration:
    """The row hash that both servers share, and the types whose own hash functions agree."""

    method: str
    agreed: frozenset[str] = frozenset()


def calibrate(source: Connection, target: Connection) -> Calibration:
    """Return the fastest method on which both servers agree."""
    if _fetch_hashes(source, _LONG) != _fetch_hashes(target, _LONG):
        return Calibration(SHA256)
    if min(c.info.server_version for c in (source, target)) < _ROW_HASH_SINCE:
        return Calibration(LONG_TEXT)
    one, two = _fetch_hashes(source, _SHORT), _fetch_hashes(target, _SHORT)
    agreed = frozenset(
        kind for kind, a, b in zip(_PROBES, one, two, strict=True) if a == b and a is not None
    )
    if "text" not in agreed or "bytea" not in agreed:
        return Calibration(LONG_TEXT)
    return Calibration(ROW, agreed)


def _fetch_hashes(connection: Connection, query: sql.Composed) -> tuple[int | None, ...]:
    row = connection.execute(query).fetchone()
    if row is None:
        raise ServerError("the server returned no row when its hash functions were compared")
    return tuple(row)


def _select(expressions: list[str]) -> sql.Composed:
    return sql.SQL("select {}").format(sql.SQL(", ").join([sql.SQL(e) for e in expressions]))


_SHORT = _select(
    [
        f"hashint4extended(1, hash_record_extended(row({', '.join(probes)}), {_PROBE_SEED}))"
        for probes in _PROBES.values()
    ]
)
_LONG = _select([f"hashtextextended({text}, {_PROBE_SEED})" for text in _TEXTS])
