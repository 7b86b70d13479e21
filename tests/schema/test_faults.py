"""Every fault of the schema turns exactly the checks red that it names; a clean restore none."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from schema.faultlab import FaultLab, fault_lab, of_the_lab
from schema.restfaults import REST, SERVER
from schema.schemafaults import CLUSTER, FAULTS, SchemaFault
from support.servers import Pair

from pgcutover.connect import open_session
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.severity import RULES
from pgcutover.schema.snapshot import take
from pgcutover.schema.stage import SchemaStage

EVERY = [*FAULTS, *REST]
ON_SERVER = [*CLUSTER, *SERVER]


@pytest.fixture(scope="module")
def lab(pair: Pair) -> Iterator[FaultLab]:
    with fault_lab(pair) as made:
        yield made


def test_a_clean_restore_is_as_expected(lab: FaultLab) -> None:
    with lab.damaged() as target:
        answers = lab.judge(target)
    assert (answers.red, answers.unknown) == ({}, {})
    assert answers.warnings == []


@pytest.mark.parametrize("fault", EVERY, ids=[f.id for f in EVERY])
def test_what_is_red(lab: FaultLab, fault: SchemaFault) -> None:
    with lab.damaged(*fault.sql.split("; ") if "$$" not in fault.sql else [fault.sql]) as target:
        answers = lab.judge(target)
    assert answers.red.keys() == fault.red, answers.red
    assert answers.unknown == {}
    assert fault.red or answers.warnings, "neither red nor told"
    assert fault.says in str(answers.red)


@pytest.mark.parametrize(("fault", "undo"), ON_SERVER, ids=[f.id for f, _ in ON_SERVER])
def test_what_is_red_on_the_server(lab: FaultLab, fault: SchemaFault, undo: str) -> None:
    try:
        with lab.damaged(*fault.sql.split("; ")) as target:
            answers = lab.judge(target)
    finally:
        with psycopg.connect(lab.pair.target.dsn(), autocommit=True) as connection:
            connection.execute(undo.encode())
            connection.execute("select pg_reload_conf()")
    assert answers.red.keys() == fault.red, answers.red
    assert fault.red or answers.warnings, "neither red nor told"
    assert fault.says in str(answers.red)


@pytest.mark.parametrize(
    ("name", "source", "target", "answer"),
    [
        ("fsync", "on", "off", "red"),
        ("fsync", "off", "on", "nothing"),  # the source's durability ends with the migration
        ("full_page_writes", "on", "off", "told"),
    ],
)
def test_what_a_server_is_started_with(lab: FaultLab, name, source, target, answer) -> None:
    """The tests' own servers have both off, which only a restart could change."""

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

    with lab.damaged() as dsn, open_session(dsn) as session:
        found = of_the_lab(take(session, (*KINDS, *CLUSTER_KINDS)))
    stage = SchemaStage(
        SchemaEvidence(with_value(lab.on_source, source), with_value(found, target), lab.expected)
    )
    diff = stage.as_on_the_source("server_setting")
    told = diff.facts.get("warnings", ())
    assert (bool(diff), len(told)) == (answer == "red", int(answer == "told"))
    assert name in (diff.report() if diff else "".join(told)) or answer == "nothing"


def test_a_subscription_is_told(lab: FaultLab) -> None:
    made = (
        "create subscription fault_feed connection 'dbname=x' publication p with (connect = false)"
    )
    with lab.damaged(made) as target:
        try:
            answers = lab.judge(target)
        finally:  # nobody can drop a database with a subscription
            with psycopg.connect(target, autocommit=True) as connection:
                connection.execute("alter subscription fault_feed set (slot_name = none)")
                connection.execute("drop subscription fault_feed")
    assert (answers.red, answers.unknown) == ({}, {})
    assert "fault_feed" in str(answers.warnings)


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [f.id for f in EVERY] + [f.id for f, _ in ON_SERVER]
    assert len(set(names)) == len(names) >= 120


def test_every_rule_is_of_a_kind_that_is_read() -> None:
    from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS

    assert RULES.keys() <= {k.name for k in (*KINDS, *CLUSTER_KINDS)}
