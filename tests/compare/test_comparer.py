"""Test the comparer's options: excluded columns, keys, recent rows, and rechecks."""

import hashlib
import re
import tracemalloc

import pytest
from compare.lab import KEY_HASHES, Lab, TableOptions, run

from pgcutover.catalog import ExpectedForeignKey
from pgcutover.compare import comparer as comparing
from pgcutover.compare.differences import counts
from pgcutover.compare.live import fence
from pgcutover.compare.scan import bucket_scan, scanner
from pgcutover.config.differences import DeclaredDifference
from pgcutover.errors import ConfigError, UnreadableError

KV = "core.kv"
WAITING = fence.WaitingFence(1000.0)  # mocked: rows are younger than three times that


def options(**own: TableOptions) -> dict[str, object]:
    return {"tables": {f"core.{name}": value for name, value in own.items()}}


def test_an_equal_table_reports_its_row_counts(lab: Lab) -> None:
    with lab.comparer() as comparer:
        diff = comparer.rows(lab.table(KV))
    assert not diff
    assert diff.report() == "no difference"
    assert diff.facts["rows_source"] == diff.facts["rows_target"] == 250
    assert diff.facts["method"] == "row hash"
    assert diff.facts["methods"] == {"k": "hash", "v": "hash"}


def test_an_excluded_column_is_skipped_and_listed(lab: Lab) -> None:
    run(lab.target, "update core.kv set v = 'x'")
    with lab.comparer(**options(kv=TableOptions(excluded_columns=("v",)))) as comparer:
        diff = comparer.rows(lab.table(KV))
    assert not diff
    assert diff.facts["not_proven"] == ["v"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (TableOptions(excluded_columns=("vv",)), "exclude names vv"),
        (TableOptions(key=("kk",)), "key names kk"),
    ],
)
def test_an_option_for_an_unknown_column_is_an_error(lab: Lab, wrong, says) -> None:
    with (
        lab.comparer(**options(kv=wrong)) as comparer,
        pytest.raises(ConfigError, match=rf"tables.'core.kv': {says}.*its columns are k, v"),
    ):
        comparer.rows(lab.table(KV))


def test_a_table_with_all_columns_excluded_is_unknown(lab: Lab) -> None:
    with (
        lab.comparer(**options(kv=TableOptions(excluded_columns=("k", "v")))) as comparer,
        pytest.raises(UnreadableError, match="nothing can be proven"),
    ):
        comparer.rows(lab.table(KV))


def test_a_column_declared_dropped_is_skipped_and_listed(lab: Lab) -> None:
    run(lab.target, "alter table core.kv drop column v")
    lab.declared = (DeclaredDifference("column", "core.kv.v", "dropped", "not used"),)
    with lab.comparer(lab.expected()) as comparer:
        diff = comparer.rows(lab.table(KV))
    assert not diff
    assert diff.facts["not_proven"] == ["v"]


def test_a_configured_key_separates_changed_from_missing_rows(lab: Lab) -> None:
    run(lab.target, "update core.audit_log set action = 'x' where detail ->> 'g' = '30'")
    table = lab.table("core.audit_log")
    with lab.comparer() as comparer:
        assert {f.kind for f in comparer.rows(table).findings()} == {"rows missing", "rows extra"}
    keyed = {"core.audit_log": TableOptions(key=("at", "who"))}
    with lab.comparer(tables=keyed) as comparer:
        (found,) = comparer.rows(table).findings()
    assert found.kind == "rows changed"


def test_keys_are_reported_only_as_key_hashes(lab: Lab) -> None:
    run(lab.target, "delete from core.kv where k = 'key-7'")
    with lab.comparer() as comparer:
        (found,) = comparer.rows(lab.table(KV)).findings()
    digest = hashlib.sha256(b"5:key-7;").digest()
    assert found.evidence["key_hashes"] == [KEY_HASHES.of_table(KV)(digest)]
    assert "key-7" not in repr(found)


def test_counts_are_exact_when_samples_are_capped(lab: Lab) -> None:
    run(lab.target, "update core.kv set v = v || '!' where v is not null")
    with lab.comparer() as comparer:
        (found,) = comparer.rows(lab.table(KV)).findings()
    assert found.evidence["count"] == 249
    assert len(found.evidence["key_hashes"]) == counts.SAMPLE_LIMIT
    assert found.evidence["sampled"] == "20 keys of 249 rows, at most 20"
    assert re.search(r"249 rows changed .*\(sampled, 249 rows in all\)", found.message)


def test_row_counts_and_recent_rows_share_one_snapshot(lab: Lab) -> None:
    table = lab.table("core.ledger")
    with lab.comparer() as comparer:
        assert not comparer.rows(table)
        run(lab.target, "delete from core.ledger")
        assert not comparer.recent(table)
        assert not comparer.counts(table)
        assert not comparer.counts(lab.table(KV))
        assert comparer.counts(table)


def test_one_scan_serves_every_check_of_a_table(lab: Lab, monkeypatch) -> None:
    scanned = []
    monkeypatch.setattr(
        comparing, "scan_table", lambda *asked: scanned.append(1) or scanner.scan_table(*asked)
    )
    table = lab.table("core.ledger")
    with lab.comparer() as comparer:
        for ask in (comparer.rows, comparer.recent, comparer.counts, comparer.rows):
            assert not ask(table)
    assert len(scanned) == 1


@pytest.fixture
def replace_waits(monkeypatch) -> list:
    """Run the next of these functions at each wait for the mover."""
    arriving: list = []
    monkeypatch.setattr(fence, "sleep", lambda _: arriving.pop(0)() if arriving else None)
    return arriving


def test_rows_that_arrive_during_a_wait_are_no_difference(lab: Lab, replace_waits) -> None:
    run(lab.target, "delete from core.kv where k in ('key-1', 'key-2')")
    replace_waits.append(lambda: run(lab.target, "insert into core.kv values ('key-1', 'v1')"))
    replace_waits.append(lambda: run(lab.target, "insert into core.kv values ('key-2', 'v2')"))
    table = lab.table(KV)
    with lab.comparer(fence=WAITING) as comparer:
        assert not comparer.counts(table)
        diff = comparer.rows(table)
    assert not diff
    assert diff.facts["in_flight"] == 2
    assert not replace_waits


def test_only_differing_rows_are_rechecked(lab: Lab, replace_waits) -> None:
    run(lab.target, "delete from core.kv where k = 'key-1'")
    replace_waits.append(lambda: run(lab.target, "delete from core.kv where k = 'key-3'"))
    table = lab.table(KV)
    with lab.comparer(fence=WAITING) as comparer:
        (found,) = comparer.rows(table).findings()
    assert found.message.startswith("core.kv: 1 row missing")


def test_a_row_that_never_arrives_is_a_difference(lab: Lab, replace_waits) -> None:
    run(lab.target, "delete from core.ledger where id >= 399")
    table = lab.table("core.ledger")
    with lab.comparer(fence=WAITING) as comparer:
        assert "(-4)" in comparer.counts(table).report()
        assert "4 rows missing" in comparer.rows(table).report()
        assert "3 recent rows missing" in comparer.recent(table).report()


def test_many_differing_rows_are_rechecked_by_bucket(lab: Lab, replace_waits, monkeypatch) -> None:
    monkeypatch.setattr(counts, "SUSPECT_LIMIT", 10)
    run(lab.target, "update core.kv set v = v || '!' where k like 'key%'")
    replace_waits.append(
        lambda: run(lab.target, "update core.kv set v = rtrim(v, '!') where k like 'key%'")
    )
    with lab.comparer(fence=WAITING) as comparer:
        diff = comparer.rows(lab.table(KV))
    assert not diff
    assert diff.facts["in_flight"] == 240


@pytest.mark.parametrize(("hours", "found"), [(0.02, 0), (1.0, 1), (1000.0, 1)])
def test_the_recent_window_ends_at_the_newest_finite_value(lab: Lab, hours, found) -> None:
    run(lab.target, "update core.ledger set cents = 0 where id = 390")
    with lab.comparer(window_hours=hours) as comparer:
        assert len(comparer.recent(lab.table("core.ledger")).findings()) == found


def test_rows_newer_on_the_target_than_on_the_source_are_found(lab: Lab) -> None:
    run(lab.target, "insert into core.ledger values (500, 1, 1, 'late', '2030-01-01+00')")
    with lab.comparer() as comparer:
        assert "1 recent row extra" in comparer.recent(lab.table("core.ledger")).report()


@pytest.mark.parametrize(
    ("kind", "value", "old"),
    [
        ("date", "date '2026-05-01' + i", "2020-01-01"),
        ("timestamp", "timestamp '2026-05-01' + i * interval '1 day'", "2020-01-01"),
        ("timestamptz", "timestamptz '2026-05-01+00' + i * interval '1 day'", "2020-01-01+00"),
    ],
    ids=["date", "timestamp", "timestamptz"],
)
def test_recent_windows_over_every_date_and_time_type(own_lab: Lab, kind, value, old) -> None:
    for dsn, schema in ((own_lab.source, "app"), (own_lab.target, "core")):
        run(
            dsn,
            f"create table {schema}.seen (id int primary key, at {kind})",
            f"insert into {schema}.seen select i, {value} from generate_series(1, 9) i",
            f"insert into {schema}.seen values (10, '{old}'), (11, '-infinity'), (12, null)",
        )
    own_lab.recent["core.seen"] = "at"
    table = own_lab.table("core.seen")
    with own_lab.comparer(window_hours=24) as comparer:
        diff = comparer.recent(table)
        assert (bool(diff), diff.facts["rows_source"]) == (False, 2)
    run(own_lab.target, "update core.seen set at = at - interval '20 days' where id = 9")
    with own_lab.comparer(window_hours=24) as comparer:
        assert "1 recent row missing" in comparer.recent(table).report()
    for dsn, schema in ((own_lab.source, "app"), (own_lab.target, "core")):
        run(dsn, f"update {schema}.seen set at = null")
    with own_lab.comparer(window_hours=24) as comparer:
        assert comparer.recent(table).facts["rows_source"] == 12


def test_a_recent_column_of_another_type_is_unknown(lab: Lab) -> None:
    lab.recent["core.kv"] = "v"
    with lab.comparer() as comparer, pytest.raises(UnreadableError, match=r"^core\.kv: the source"):
        comparer.recent(lab.table(KV))


def test_memory_does_not_grow_with_differing_rows(own_lab: Lab, monkeypatch) -> None:
    monkeypatch.setattr(bucket_scan, "_FETCHED_ROWS", 1000)
    monkeypatch.setattr(counts, "SUSPECT_LIMIT", 200)
    for dsn, schema, value in ((own_lab.source, "app", "a"), (own_lab.target, "core", "b")):
        numbers = f"select i, '{value}' from generate_series(1, 20000) i"
        run(dsn, f"insert into {schema}.nothing_yet {numbers}")
    table = own_lab.table("core.nothing_yet")
    with own_lab.comparer() as comparer:
        tracemalloc.start()
        diff = comparer.rows(table)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert diff.findings()[0].evidence["count"] == 20_000
    assert peak < 7_000_000  # a batch takes 1 MB however many there are; 40,000 pairs would take 10


def test_orphans_of_a_foreign_key_missing_on_both_sides_are_unknown(lab: Lab) -> None:
    key = ExpectedForeignKey("core.kv.fk_gone", lab.table(KV), None)
    message = "neither side has this foreign key"
    with lab.comparer() as comparer, pytest.raises(UnreadableError, match=message):
        comparer.orphans(key)
