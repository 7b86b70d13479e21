"""Test that unreadable data is UNKNOWN with its reason, and that the next tables are compared."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from compare.lab import Lab, laboratory, run
from support.servers import Pair, drop_database

from pgcutover.compare.scan import scanner
from pgcutover.errors import UnreadableError

PAGE_BYTES = 8192


@pytest.fixture
def damaged(pair: Pair) -> Iterator[Lab]:
    """A lab whose target's primary key of core.big is overwritten with garbage."""
    with laboratory(pair, own_source=True) as lab:
        for dsn, schema in ((lab.source, "app"), (lab.target, "core")):
            run(
                dsn,
                f"create table {schema}.big (k int primary key, v text)",
                f"insert into {schema}.big select i, 'v' || i from generate_series(1, 20000) i",
                f"analyze {schema}.big",
            )
        copy = f"damaged_{uuid4().hex[:12]}"
        with psycopg.connect(pair.target.dsn(), autocommit=True) as connection:
            original = psycopg.conninfo.conninfo_to_dict(lab.target)["dbname"]
            # copied as files, so that none of its pages is in shared buffers yet
            connection.execute(
                f"create database {copy} template {original} strategy file_copy".encode()
            )
        try:
            _spoil(pair.target.dsn(), lab.target, copy)
            yield Lab(lab.source, pair.target.dsn(copy))
        finally:
            drop_database(pair.target, copy)


def _spoil(server: str, original: str, copy: str) -> None:
    with psycopg.connect(server) as connection:
        (folder,) = connection.execute("show data_directory").fetchone()
        (oid,) = connection.execute(
            "select oid from pg_database where datname = %s", [copy]
        ).fetchone()
    with psycopg.connect(original) as connection:
        (path,) = connection.execute(
            "select pg_relation_filepath('core.big_pkey'::regclass)"
        ).fetchone()
    index = Path(folder, "base", str(oid), Path(path).name)
    pages = index.stat().st_size // PAGE_BYTES
    with index.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(b"\x5a" * PAGE_BYTES * (pages - 1))


def test_a_corrupt_index_makes_only_its_table_unknown(damaged: Lab, monkeypatch) -> None:
    monkeypatch.setattr(scanner, "SMALL_ROWS", 50)
    with damaged.comparer() as comparer:
        with pytest.raises(UnreadableError, match=r"core\.big: the target could not be read.*XX"):
            comparer.rows(damaged.table("core.big"))
        assert not comparer.rows(damaged.table("core.kv"))


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_failing_output_function_is_unknown(own_lab: Lab, side) -> None:
    run(
        getattr(own_lab, side),
        "delete from pg_enum where enumlabel = 'sent' and enumtypid = 'lib.order_status'::regtype",
    )
    with own_lab.comparer() as comparer:
        with pytest.raises(UnreadableError, match=f"the {side} could not be read"):
            comparer.rows(own_lab.table("sales.purchases"))
        assert not comparer.rows(own_lab.table("core.kv"))


def test_the_same_error_on_both_sides_is_not_equal(own_lab: Lab) -> None:
    for dsn in (own_lab.source, own_lab.target):
        run(
            dsn,
            "delete from pg_enum where enumlabel = 'sent'"
            " and enumtypid = 'lib.order_status'::regtype",
        )
    with own_lab.comparer() as comparer, pytest.raises(UnreadableError, match="could not be read"):
        comparer.counts(own_lab.table("sales.purchases"))
