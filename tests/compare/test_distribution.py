"""Test that contiguous missing or extra rows are distinguished from scattered ones."""

import pytest
from compare.lab import Lab, run

from pgcutover.compare.differences.distribution import AT_THE_END, IN_ONE_PIECE, SCATTERED
from pgcutover.compare.scan import scanner

KEYS = {
    "int8": "i * 10",
    "timestamptz": "timestamptz '2026-01-01+00' + i * interval '1 minute'",
}
WHERE = {
    AT_THE_END: "n > 2900",
    IN_ONE_PIECE: "n between 1000 and 2200",
    SCATTERED: "n % 500 = 0",
    "": "n in (5, 6)",  # too few to classify
}


def big(lab: Lab, kind: str) -> None:
    for dsn, schema in ((lab.source, "app"), (lab.target, "core")):
        run(
            dsn,
            f"create table {schema}.big (k {kind} primary key, n int)",
            f"insert into {schema}.big select {KEYS[kind]}, i from generate_series(1, 3000) i",
            f"analyze {schema}.big",
        )


@pytest.mark.parametrize("small_rows", [50, 50_000], ids=["ranges", "heap"])
@pytest.mark.parametrize("kind", KEYS)
def test_missing_rows_are_classified(own_lab: Lab, monkeypatch, kind, small_rows) -> None:
    monkeypatch.setattr(scanner, "SMALL_ROWS", small_rows)
    big(own_lab, kind)
    for lie, where in WHERE.items():
        run(own_lab.target, f"create table kept as select * from core.big where {where}")
        run(own_lab.target, f"delete from core.big where {where}")
        with own_lab.comparer() as comparer:
            (missing,) = comparer.rows(own_lab.table("core.big")).findings()
        run(own_lab.target, "insert into core.big select * from kept", "drop table kept")
        assert (missing.kind, missing.evidence.get("spread", "")) == ("rows missing", lie)
        assert lie in missing.message


def test_extra_rows_are_classified(own_lab: Lab) -> None:
    big(own_lab, "int8")
    run(own_lab.source, "delete from app.big where n > 2990")
    with own_lab.comparer() as comparer:
        (extra,) = comparer.rows(own_lab.table("core.big")).findings()
    assert (extra.kind, extra.evidence["spread"]) == ("rows extra", AT_THE_END)
