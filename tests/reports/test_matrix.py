"""Test the row, column and text of each result's cell."""

import pytest

from pgcutover.reports import matrix
from pgcutover.reports.findings import gather
from pgcutover.verdict_json.document import validate


def rows_of(document):
    built = matrix.build(validate(document), {})
    return {row.name: row for part in built.parts for row in part.rows}, built


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("auth.users", "auth.users"),
        ("auth.users.email", "auth.users"),
        ("auth.users.fk_a.b", "auth.users"),
        ("auth.users_pkey", "other objects in auth"),
        ("kgc", "other objects"),
    ],
)
def test_object_belongs_to_the_table_its_name_starts_with(name, table):
    assert matrix.table_of(name, {"auth.users": None}) == table


def test_index_is_grouped_by_the_table_its_result_names(make_document):
    rows, _ = rows_of(make_document("pass"))
    assert "other objects in auth" not in rows
    columns = [c.id for c in matrix.build(validate(make_document("pass")), {}).parts[0].columns]
    assert rows["auth.users"].cells[columns.index("SCHEMA-INDEX")].total == 2


def test_cell_shows_the_worst_of_its_objects(make_document):
    rows, built = rows_of(make_document("fail"))
    column = [c.id for c in built.parts[0].columns].index("SCHEMA-INDEX")
    cell = rows["health.health_metrics"].cells[column]
    assert (cell.verdict, cell.bad, cell.total) == ("FAIL", 1, 2)
    assert [o.name for o in rows["health.health_metrics"].objects] == [
        "health.health_metrics_created_at_idx"
    ]


def test_fail_beats_unknown_in_one_cell(make_document, make_result):
    results = [
        make_result("SCHEMA-INDEX", f"auth.i{n}", verdict, table="auth.users")
        for n, verdict in enumerate(("PASS", "FAIL", "UNKNOWN"))
    ]
    rows, _ = rows_of(make_document("fail", results=results))
    assert rows["auth.users"].cells[0].verdict == "FAIL"
    assert rows["auth.users"].cells[0].bad == 2


def test_a_mapped_table_without_results_is_unknown(make_document):
    document = make_document("pass")
    document["tables"].append(
        {"source": "public.new", "target": "public.new", "rows_source": 1, "rows_target": 1}
    )
    built = matrix.build(validate(document), {})
    assert built.verdicts["public.new"] == "UNKNOWN"
    assert built.parts[0].rows[0].name == "public.new"


def test_rows_that_do_not_pass_come_first(make_document):
    _, built = rows_of(make_document("fail"))
    verdicts = [row.verdict for row in built.parts[0].rows]
    assert verdicts == sorted(verdicts, key=lambda v: -matrix.RANK[v])
    assert verdicts[:5] == ["FAIL"] * 5


def test_no_matrix_is_wider_than_a_page_and_no_column_is_lost(make_document, make_result):
    results = [
        make_result(f"C-{stage}-{n}", "auth.users", stage=stage)
        for stage in ("schema", "load", "replication", "freeze")
        for n in range(5)
    ]
    parts = matrix.build(validate(make_document("pass", results=results, checks=[])), {}).parts
    assert all(len(part.columns) <= matrix.COLUMNS_A_MATRIX for part in parts)
    columns = [c.id for part in parts for c in part.columns]
    assert sorted(columns) == sorted(r["check_id"] for r in results)
    assert [c.stage for part in parts for c in part.columns] == [r["stage"] for r in results]


def test_every_row_beyond_the_cap_is_still_named(make_document):
    built = matrix.build(validate(make_document("big")), {})
    shown = {row.name for part in built.parts for row in part.rows}
    rest = {name for _, names in built.left_out for name in names}
    assert len(shown) == matrix.MAX_ROWS
    assert len(shown | rest) == 1_000
    assert dict(built.left_out).keys() == {"FAIL", "PASS"}


def test_one_failing_table_does_not_hide_the_others(make_document, make_finding, make_result):
    results = [
        make_result(
            "DATA-ROWS", f"public.t{n}", "FAIL", findings=[make_finding("o", "k", "m")] * 1_000
        )
        for n in range(30)
    ]
    found = gather(validate(make_document("fail", results=results)))
    assert len(found.details) == 30
    assert all(d.differences for d in found.details)
    assert found.findings == 30_000
    assert sum(d.hidden for d in found.details) + found.shown_findings == 30_000


def test_nested_evidence_is_flattened_completely(make_document, make_finding, make_result):
    deep: dict[str, object] = {"leaf": 1}
    for _ in range(50):
        deep = {"in": deep}
    evidence = {"deep": deep, "nothing": [], "keys": list(range(100)), "ok": True, "none": None}
    bad = make_result(
        "DATA-ROWS", "auth.users", "FAIL", findings=[make_finding("o", "k", "m", **evidence)]
    )
    found = gather(validate(make_document("fail", results=[bad])))
    shown = found.details[0].differences[0].evidence
    assert '"leaf": 1' in shown[0].values[0]
    by_label = {e.label: e for e in shown}
    assert by_label["keys"].hidden == 76
    assert by_label["ok"].values == ("yes",)
    assert by_label["none"].values == ("null",)
    assert by_label["nothing"].values == ()
