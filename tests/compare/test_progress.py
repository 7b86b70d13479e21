"""Test that progress lines match the rows read, whatever the estimates were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.progress import (
    Meter,
    Overall,
    Status,
    Window,
    duration_text,
    rows_text,
)

TABLE = "health.health_metrics"


def status(rows, expected=5_000_000, state="reading", note="", table=TABLE):
    return Status(table, rows, expected, state, note)


def meter_after(*counts, seconds=1.0, **named):
    """Return a meter after these counts, one per second, and the time of the last."""
    meter = Meter(0.0, status(counts[0], **named))
    for i, rows in enumerate(counts[1:], 1):
        meter.update(i * seconds, status(rows, **named))
    return meter, (len(counts) - 1) * seconds


def test_a_line_says_rows_percent_speed_and_time_left():
    meter, now = meter_after(0, 1_100_000, 2_200_000, 3_300_000)
    assert meter.line(now) == (
        "health.health_metrics  3.3 M of 5.0 M rows  66 %  1.1 M rows/s  ETA 0:00:02"
    )


def test_rows_of_an_earlier_run_do_not_count_as_speed():
    meter, now = meter_after(4_000_000, 4_010_000, 4_020_000)
    assert meter.rate(now) == 10_000
    assert meter.eta_seconds(now) == 98


def test_the_speed_covers_only_the_last_seconds():
    meter, now = meter_after(*range(0, 1_000_000, 10_000), *range(1_000_000, 1_003_100, 100))
    assert meter.rate(now) == 100


def test_a_stalled_scan_shows_no_speed():
    meter, now = meter_after(0, 1_000_000, 2_000_000)
    assert meter.rate(now + 60) == 0
    assert meter.eta_seconds(now + 60) is None
    assert "ETA" not in meter.line(now + 60)


def test_many_updates_per_second_keep_few_samples():
    window = Window()
    for i in range(100_000):
        window.add(i / 1_000, i)
    assert len(window._samples) < 100
    assert window.rate(99.999) == pytest.approx(1_000, rel=0.01)


def test_a_low_estimate_gives_99_percent_and_no_time():
    meter, now = meter_after(0, 6_000_000)
    assert (meter.percent, meter.eta_seconds(now)) == (99, None)
    assert meter.line(now) == "health.health_metrics  6.0 M rows  99 %  6.0 M rows/s"


@pytest.mark.parametrize("expected", [None, 0])
def test_without_an_estimate_no_percent_is_shown(expected):
    meter, now = meter_after(0, 20_000, expected=expected)
    assert meter.line(now) == "health.health_metrics  20 k rows  20 k rows/s"


def test_waiting_and_its_reason_are_shown():
    meter, _ = meter_after(10, state="waiting", note="replica lag 12 s")
    assert meter.line(0.1).endswith("0 %  waiting: replica lag 12 s")


def test_the_end_is_100_percent_of_the_rows_read():
    meter, now = meter_after(0, 20_000)
    meter.update(now, status(20_000, state="done"))
    assert meter.line(now) == "health.health_metrics  20 k rows  100 %  done"


def test_another_pass_starts_a_new_speed():
    meter, now = meter_after(0, 1_000_000, 2_000_000)
    assert meter.update(now, status(0)) == 0
    assert meter.rate(now) is None
    meter.update(now + 2, status(2_000))
    assert meter.rate(now + 2) == 1_000


def test_control_characters_in_a_name_are_replaced():
    assert Meter(0.0, status(0, table="a\x1b[2J\nb")).line(0.0).startswith("a?[2J?b  0 of")


news = st.builds(
    Status,
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 10_000),
    st.none() | st.integers(0, 10_000),
    st.sampled_from(["reading", "waiting", "drilling", "done"]),
)


@given(st.lists(st.tuples(st.floats(0, 30), news), max_size=30), st.integers(3, 4))
def test_percent_is_100_exactly_at_the_end(steps, tables):
    overall, meters, now, ended = Overall(tables), {}, 0.0, set()
    for pause, report in steps:
        now += pause
        overall.update(now, report)
        meter = meters.setdefault(report.table, Meter(now, report))
        meter.update(now, report)
        ended |= {report.table} if report.state == "done" else set()
        assert (meter.percent == 100) == (report.state == "done")
        assert meter.percent is None or 0 <= meter.percent <= 100
        assert (overall.percent == 100) == (len(ended) == tables)
        assert overall.percent is None or 0 <= overall.percent <= 100
        assert (overall.rate(now) or 0) >= 0
        assert overall.full_line(now).startswith(f"tables {len(ended)} of {tables}, ")


def test_overall_counts_tables_rows_and_time():
    overall = Overall(19, {f"t{i}": 4_000_000 for i in range(19)})
    for name in ("t0", "t1", "t2"):
        overall.update(0.0, status(0, 4_000_000, table=name))
    for name in ("t0", "t1", "t2"):
        overall.update(10.0, status(4_000_000, 4_000_000, "done", table=name))
    overall.update(10.0, status(0, 4_400_000, table="t3"))
    overall.update(20.0, status(400_000, 4_400_000, table="t3"))
    assert overall.line(20.0) == (
        "tables 3 of 19, 12.4 M of 76.4 M rows, 16 %, 620 k rows/s, ETA 0:01:43"
    )


def test_the_total_shows_no_time_without_all_estimates():
    overall = Overall(2)
    overall.update(0.0, status(0, 100, table="t0"))
    overall.update(2.0, status(50, 100, table="t0"))
    assert overall.line(2.0) == "tables 0 of 2, 50 rows, 25 rows/s"
    overall.update(2.0, status(0, 100, "waiting", table="t1"))
    assert overall.line(2.0) == "tables 0 of 2, 50 of 200 rows, 25 %, 25 rows/s, ETA 0:00:06"


def test_a_table_read_again_is_counted_once():
    overall = Overall(2, {"t0": 100, "t1": 100})
    overall.update(0.0, status(100, 100, "done", table="t0"))
    overall.update(1.0, status(10, 100, table="t0"))
    assert (overall.ended, overall.rows_done, overall.percent) == (1, 100, 50)
    assert [m.status.table for m in overall.current()] == ["t0"]


def test_the_table_with_the_most_remaining_rows_comes_first():
    overall = Overall(3)
    for name, expected in (("small", 10), ("unknown", None), ("big", 1_000)):
        overall.update(0.0, status(0, expected, table=name))
    assert [m.status.table for m in overall.current()] == ["big", "small", "unknown"]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.6, "1.0 k"),
        (1_000, "1.0 k"),
        (9_960, "10 k"),
        (12_400, "12.4 k"),
        (99_960, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.0 M"),
        (80_000_000, "80 M"),
        (2_140_000_000, "2.1 G"),
        (5_000_000_000_000, "5000 G"),
    ],
)
def test_counts_are_short(rows, text):
    assert rows_text(rows) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (250, "0:04:10"), (59.6, "0:01:00"), (90_061, "25:01:01")]
)
def test_durations_are_hours_minutes_and_seconds(seconds, text):
    assert duration_text(seconds) == text
