"""Test that each schema fault fails exactly its checks, and that its fix removes it."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from schema.faultlab import FaultLab, Results, Target, fault_lab
from schema.restfaults import REST, SERVER
from schema.schemafaults import CLUSTER, FAULTS, SchemaFault
from support.servers import Pair

from pgcutover.schema.compare import Difference, differences
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.severity import RULES
from pgcutover.schema.stage import SchemaStage

EVERY = [*FAULTS, *REST]
ON_SERVER = [*CLUSTER, *SERVER]
NAMES = [kind.name for kind in KINDS]
# differences that only recreating a table or type fixes, with their comments
UNFIXABLE = {
    "SCH-42": "columns",
    "SCH-109": "when it is created",
    "SCH-75": "columns",
    "domain-not-null": "columns",
    "enum-missing": "columns",
    "enum-extra": "labels can be neither removed",
    "enum-order": "labels can be neither removed",
    "enum-label": "labels can be neither removed",
    "server-missing": "may be secrets",
    "server-option": "may be secrets",
    "partition-default": "created again",
    "partition-tuned": "created again",
    "excluded-column": "columns",
}


# other objects depend on the one to drop first, so PostgreSQL refuses
REFUSED = {"SCH-70": "already exists"}
# settings that only new sessions get, and an update after which no subtransaction can start
NEW_SESSION = {"SCH-80", "SCH-123", "SCH-124", "database-timezone", "database-search-path"}

# compared with the source, which the scripts do not change
OF_THE_SOURCE = {
    *NEW_SESSION - {"SCH-80"},
    "SCH-76",
    "role-setting",
    "large-object",
    "database-connect",
    "cast-context",
    "configuration-altered",
    "dictionary-altered",
    "system-routine",
    "system-routine-other",
    "system-routine-extra",
    "database-owner",
}


@pytest.fixture(scope="module")
def lab(pair: Pair) -> Iterator[FaultLab]:
    with fault_lab(pair) as made:
        yield made


def compare_with_expected(expected: Snapshot, found: Snapshot) -> list[Difference]:
    compared = (d.about((), ("version",)) for d in differences(expected, found, NAMES))
    return [d for d in compared if d is not None]


def run_fix(expected: Snapshot, target: Target, found: list[Difference]) -> list[str]:
    """Run the printed statements, also those for extra objects; return what cannot be fixed."""
    impossible = []
    for _, statement in FixScript(expected).plan(found):
        if statement.startswith("--"):
            impossible.append(statement)
        else:
            target.execute(statement)
    return impossible


def test_a_clean_restore_is_as_expected(lab: FaultLab) -> None:
    with lab.damaged() as target:
        answers = lab.judge(target.take_all())
    assert (answers.red, answers.unknown) == ({}, {})
    assert answers.warnings == []


@pytest.mark.parametrize("fault", EVERY, ids=[f.id for f in EVERY])
def test_each_fault_fails_its_checks_and_is_fixed(lab: FaultLab, fault: SchemaFault) -> None:
    damaged = lab.damaged_copy if fault.id in NEW_SESSION else lab.damaged
    with damaged(*statements_of(fault)) as target:
        found = target.take_all()
        assert_red(fault, lab.judge(found))
        assert_fixed(fault, lab.expected, target, compare_with_expected(lab.expected, found))


def statements_of(fault: SchemaFault) -> list[str]:
    return fault.sql.split("; ") if "$$" not in fault.sql else [fault.sql]


def assert_red(fault: SchemaFault, answers: Results) -> None:
    assert answers.red.keys() == fault.red, answers.red
    assert answers.unknown == {}
    assert fault.red or answers.warnings, "neither red nor a warning"
    assert fault.says in str(answers.red)


def assert_fixed(
    fault: SchemaFault, expected: Snapshot, target: Target, found: list[Difference]
) -> None:
    if not found:
        assert fault.id in OF_THE_SOURCE
        return
    if fault.id in REFUSED:
        with pytest.raises(psycopg.Error, match=REFUSED[fault.id]):
            run_fix(expected, target, found)
        return
    impossible = " ".join(run_fix(expected, target, found))
    left = compare_with_expected(expected, target.collect_snapshot())
    assert UNFIXABLE.get(fault.id, "") in impossible
    assert bool(impossible) == (fault.id in UNFIXABLE)
    assert [str(d) for d in left if d.object.name not in impossible] == []


@pytest.mark.parametrize(("fault", "undo"), ON_SERVER, ids=[f.id for f, _ in ON_SERVER])
def test_each_server_fault_fails_its_checks(lab: FaultLab, fault: SchemaFault, undo: str) -> None:
    try:
        with lab.damaged_copy(*fault.sql.split("; ")) as target:
            answers = lab.judge(target.take_all())
    finally:
        with psycopg.connect(lab.pair.target.dsn(), autocommit=True) as connection:
            connection.execute(undo.encode())
            connection.execute("select pg_reload_conf()")
    assert answers.red.keys() == fault.red, answers.red
    assert fault.red or answers.warnings, "neither red nor a warning"
    assert fault.says in str(answers.red)


@pytest.mark.parametrize(
    ("name", "source", "target_value", "answer"),
    [
        ("fsync", "on", "off", "red"),
        ("fsync", "off", "on", "nothing"),  # the source's setting ends with it
        ("full_page_writes", "on", "off", "warning"),
    ],
)
def test_settings_that_need_a_restart_are_findings(
    lab: FaultLab, name, source, target_value, answer
) -> None:
    """The tests' servers have both settings off, and only a restart could change them."""

    def with_value(objects: Snapshot, value: str) -> Snapshot:
        other = [
            replace(
                o, facts={k: value if k in ("switch", "told") else v for k, v in o.facts.items()}
            )
            if (o.kind, o.name) == ("server_setting", name)
            else o
            for o in objects.objects
        ]
        assert any(o.name == name for o in objects.objects)
        return replace(objects, objects=tuple(other))

    with lab.damaged() as target:
        found = target.take_all()
    stage = SchemaStage(
        SchemaEvidence(
            with_value(lab.on_source, source), with_value(found, target_value), lab.expected
        )
    )
    diff = stage.as_on_the_source("server_setting")
    messages = diff.facts.get("warnings", ())
    assert (bool(diff), len(messages)) == (answer == "red", int(answer == "warning"))
    assert name in (diff.report() if diff else "".join(messages)) or answer == "nothing"


def test_the_fix_creates_a_whole_schema(lab: FaultLab, fresh_database) -> None:
    """Run in the script's order; only what the script calls impossible may be left."""
    with psycopg.connect(fresh_database("target"), autocommit=True) as connection:
        empty = Target(connection)
        found = compare_with_expected(lab.expected, empty.collect_snapshot())
        assert len(found) > 40
        impossible = " ".join(run_fix(lab.expected, empty, found))
        left = [
            str(d)
            for d in compare_with_expected(lab.expected, empty.collect_snapshot())
            if d.object.name not in impossible
        ]
    assert "\n".join(left) == ""


def test_dropping_an_unexpected_object_is_only_a_comment(lab: FaultLab) -> None:
    with lab.damaged('create table app."odd; drop\n"" schema app" (id int)') as target:
        lines = FixScript(lab.expected).script(
            compare_with_expected(lab.expected, target.collect_snapshot())
        )
    assert lines == ['-- drop table app."odd; drop\n-- "" schema app";']


def test_a_subscription_is_reported(lab: FaultLab) -> None:
    made = (
        "create subscription fault_feed connection 'dbname=x' publication p with (connect = false)"
    )
    with lab.damaged(made) as target:
        answers = lab.judge(target.take_all())
    assert (answers.red, answers.unknown) == ({}, {})
    assert "fault_feed" in str(answers.warnings)


def test_fault_names_are_unique() -> None:
    names = [f.id for f in EVERY] + [f.id for f, _ in ON_SERVER]
    assert len(set(names)) == len(names) >= 120


def test_every_rule_names_a_collected_kind() -> None:
    from pgcutover.schema.kinds import KINDS

    assert RULES.keys() <= {k.name for k in (*KINDS, *CLUSTER_KINDS)}
