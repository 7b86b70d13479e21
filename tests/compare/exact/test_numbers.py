"""Test special numbers against each other, and NaNs with different bits."""

import struct

import psycopg
import pytest
from compare.exact.bench import bench, changed, found
from compare.lab import run
from support.servers import Pair

pytestmark = pytest.mark.xdist_group("exact majors")

FLOATS = [None, "NaN", "0", "-0", "Infinity", "-Infinity", "1", "-1", "1e-30"]
SPECIAL = {
    "float4": FLOATS,
    "float8": FLOATS,
    # numeric has an infinity since PostgreSQL 14
    "numeric": [None, "NaN", "0", "0.0", "0.00", "-5", "5", "5.0", "1e-30", "50"],
}
PAYLOADS = {
    "float8": [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000000001, 0xFFFFFFFFFFFFFFFF],
    "float4": [0x7FC00000, 0xFFC00000, 0x7FC00001, 0xFFFFFFFF],
}
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)


def fill(dsn: str, against: bool) -> None:
    """Create two tables per value: it beside every other, or every other."""
    for kind, values in SPECIAL.items():
        with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
            for n, value in enumerate(values):
                name = f"app.{kind}_{n}"
                cursor.execute(f"create table {name} (id int primary key, v {kind})".encode())
                rows = [(k, other if against else value) for k, other in enumerate(values)]
                cursor.executemany(f"insert into {name} values (%s, %s)".encode(), rows)


def test_every_special_number_differs_from_every_other(majors: Pair) -> None:
    with bench(majors) as lab:
        fill(lab.source, against=False)
        fill(lab.target, against=True)
        manifest = lab.manifest()
        with lab.comparer(manifest) as comparer:
            got = {t.target.name: found(comparer, t) for t in manifest.tables}
    assert got == {
        f"{kind}_{n}": changed({*range(len(values))} - {n})
        for kind, values in SPECIAL.items()
        for n in range(len(values))
    }


def load(dsn: str, kind: str, values: list[int]) -> None:
    """Copy the bits in binary; text could produce only one of these values."""
    width, code = {"float8": (8, "Q"), "float4": (4, "I")}[kind]
    rows = b"".join(
        struct.pack(f"!hiii{code}", 2, 4, n, width, value) for n, value in enumerate(values)
    )
    statement = f"copy app.{kind} from stdin (format binary)".encode()
    with psycopg.connect(dsn) as connection, connection.cursor().copy(statement) as copy:
        copy.write(HEADER + rows + b"\xff\xff")


@pytest.mark.parametrize("kind", PAYLOADS)
def test_nans_of_other_bits_are_equal(majors: Pair, kind: str) -> None:
    made = f"create table app.{kind} (id int primary key, v {kind})"
    with bench(majors, made) as lab:
        load(lab.source, kind, PAYLOADS[kind])
        load(lab.target, kind, PAYLOADS[kind][::-1])
        with psycopg.connect(lab.source) as connection:
            bits = connection.execute(
                f"select count(distinct {kind}send(v)), count(distinct v) from app.{kind}".encode()
            ).fetchone()
        assert bits == (4, 1)
        (table,) = lab.manifest().tables
        with lab.comparer() as comparer:
            assert found(comparer, table) == []
        run(lab.target, f"update app.{kind} set v = 0 where id = 2")
        with lab.comparer() as comparer:
            assert found(comparer, table) == changed([2])
