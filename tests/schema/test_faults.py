"""Every fault of the schema turns exactly the checks red that it names; a clean restore none."""

from collections.abc import Iterator

import psycopg
import pytest
from schema.faultlab import FaultLab, fault_lab
from schema.schemafaults import CLUSTER, FAULTS, SchemaFault
from support.servers import Pair

from pgcutover.schema.rules import RULES


@pytest.fixture(scope="module")
def lab(pair: Pair) -> Iterator[FaultLab]:
    with fault_lab(pair) as made:
        yield made


def test_a_clean_restore_is_as_expected(lab: FaultLab) -> None:
    with lab.damaged() as target:
        answers = lab.judge(target)
    assert (answers.red, answers.unknown) == ({}, {})
    assert answers.warnings == []


@pytest.mark.parametrize("fault", FAULTS, ids=[f.id for f in FAULTS])
def test_what_is_red(lab: FaultLab, fault: SchemaFault) -> None:
    with lab.damaged(*fault.sql.split("; ") if "$$" not in fault.sql else [fault.sql]) as target:
        answers = lab.judge(target)
    assert answers.red.keys() == fault.red, answers.red
    assert answers.unknown == {}
    assert fault.red or answers.warnings, "neither red nor told"
    assert fault.says in str(answers.red)


@pytest.mark.parametrize(("fault", "undo"), CLUSTER, ids=[f.id for f, _ in CLUSTER])
def test_what_is_red_on_the_server(lab: FaultLab, fault: SchemaFault, undo: str) -> None:
    try:
        with lab.damaged(fault.sql) as target:
            answers = lab.judge(target)
    finally:
        with psycopg.connect(lab.pair.target.dsn(), autocommit=True) as connection:
            connection.execute(undo.encode())
    assert answers.red.keys() == fault.red, answers.red


def test_every_fault_has_a_name_of_its_own() -> None:
    names = [f.id for f in FAULTS] + [f.id for f, _ in CLUSTER]
    assert len(set(names)) == len(names) >= 120


def test_every_rule_is_of_a_kind_that_is_read() -> None:
    from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS

    assert RULES.keys() <= {k.name for k in (*KINDS, *CLUSTER_KINDS)}
