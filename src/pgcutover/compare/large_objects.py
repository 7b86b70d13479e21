"""Compares the contents of large objects, which DMS and logical replication do not move.

pg_dump and pg_restore keep their oids, so an object is found on the other side by its oid. Each
server hashes its own objects in pieces, because lo_get() returns at most 1 GB.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from pgcutover.connect import Connection
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import unreadable_on_error
from pgcutover.errors import UnreadableError
from pgcutover.text.words import agree, count_noun
from pgcutover.verdict import Finding

_OBJECTS_A_QUERY = 200
_PIECE_BYTES = 16 * 2**20
_SHOWN = 20
_FIRST_PIECES = """
select m.oid::bigint, octet_length(p.piece), sha256(p.piece)
from (select oid from pg_largeobject_metadata where oid > %s order by oid limit %s) m
     cross join lateral (select lo_get(m.oid, 0, %s) as piece offset 0) p
order by 1
"""
_PIECE = """
select octet_length(p.piece), sha256(p.piece) from (select lo_get(%s, %s, %s) as piece offset 0) p
"""


@dataclass(frozen=True, slots=True)
class LargeObject:
    """A large object's oid, size and the hash of its contents."""

    oid: int
    octets: int
    digest: bytes = field(repr=False)


@dataclass(slots=True)
class _Kind:
    """Objects that differ in one way: their number, first oids and sum of hashes."""

    count: int = 0
    oids: list[int] = field(default_factory=list)
    sum_of_digests: int = 0

    def add(self, found: LargeObject) -> None:
        self.count += 1
        self.oids += [found.oid] if len(self.oids) < _SHOWN else []
        self.sum_of_digests += int.from_bytes(found.digest)


def compare_large_objects(source: Connection, target: Connection) -> Diff:
    """Return the large objects that one side lacks, or whose contents differ.

    Raise UnreadableError where this role may not read one.
    """
    kinds = {"missing": _Kind(), "extra": _Kind(), "changed": _Kind()}
    facts = {"large_objects_source": 0, "large_objects_target": 0, "octets_source": 0}
    for ours, theirs in _by_oid(read_objects("source", source), read_objects("target", target)):
        facts["large_objects_source"] += ours is not None
        facts["large_objects_target"] += theirs is not None
        facts["octets_source"] += ours.octets if ours else 0
        if theirs is None and ours is not None:
            kinds["missing"].add(ours)
        elif ours is None and theirs is not None:
            kinds["extra"].add(theirs)
        elif ours is not None and ours != theirs:
            kinds["changed"].add(ours)
    return Diff("*", tuple(_findings(kinds)), facts)


def read_objects(side: str, connection: Connection) -> Iterator[LargeObject]:
    """Yield a side's large objects in the order of their oids."""
    last = 0
    while True:
        try:
            with unreadable_on_error(side, "large objects"):
                arguments = (last, _OBJECTS_A_QUERY, _PIECE_BYTES)
                rows = connection.execute(_FIRST_PIECES, arguments).fetchall()
        except UnreadableError as error:
            raise _explained(side, error) from error.__cause__
        for oid, octets, digest in rows:
            yield _whole(side, connection, LargeObject(oid, octets, digest))
        if len(rows) < _OBJECTS_A_QUERY:
            return
        last = rows[-1][0]


def _whole(side: str, connection: Connection, first: LargeObject) -> LargeObject:
    """Return the object with the hash of all its pieces."""
    digests, octets, piece = [first.digest], first.octets, first.octets
    while piece == _PIECE_BYTES:
        with unreadable_on_error(side, "large objects"):
            row = connection.execute(_PIECE, (first.oid, octets, _PIECE_BYTES)).fetchone()
        piece, digest = row or (0, b"")
        digests.append(digest)
        octets += piece
    return LargeObject(first.oid, octets, hashlib.sha256(b"".join(digests)).digest())


def _explained(side: str, error: UnreadableError) -> UnreadableError:
    if not isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
        return error
    return UnreadableError(
        f"{side}: this role may not read all large objects, so their contents are unknown; let "
        "their owner run: grant select on large object OID to ROLE, for each object of "
        "pg_largeobject_metadata, or let a superuser set lo_compat_privileges = on for the role"
    )


def _by_oid(
    source: Iterator[LargeObject], target: Iterator[LargeObject]
) -> Iterator[tuple[LargeObject | None, LargeObject | None]]:
    """Pair the objects of two sides, both in the order of their oids."""
    ours, theirs = next(source, None), next(target, None)
    while ours or theirs:
        if theirs is None or (ours is not None and ours.oid < theirs.oid):
            yield ours, None
            ours = next(source, None)
        elif ours is None or theirs.oid < ours.oid:
            yield None, theirs
            theirs = next(target, None)
        else:
            yield ours, theirs
            ours, theirs = next(source, None), next(target, None)


def _findings(kinds: dict[str, _Kind]) -> Iterator[Finding]:
    missing, extra = kinds["missing"], kinds["extra"]
    is_renumbered = (
        missing.count == extra.count > 0 and missing.sum_of_digests == extra.sum_of_digests
    )
    words = {
        "missing": ("is missing", "are missing"),
        "extra": ("is extra", "are extra"),
        "changed": ("has different contents", "have different contents"),
    }
    for name, kind in kinds.items():
        if not kind.count:
            continue
        subject = f"{count_noun(kind.count, 'large object')} {agree(kind.count, *words[name])}"
        message = f"{subject} on the target, oids {' '.join(map(str, kind.oids[:3]))}"
        if is_renumbered and name == "missing":
            message += "; the same contents are there under other oids, so stored oids are wrong"
        evidence = {"count": kind.count, "oids": kind.oids}
        yield finding("*", f"large objects {name}", message, **evidence)
