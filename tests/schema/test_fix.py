"""What would mend a damaged schema mends it: run on the damaged database, it leaves nothing."""

from collections.abc import Iterator

import psycopg
import pytest
from schema.faultlab import FaultLab, fault_lab
from schema.restfaults import REST
from schema.schemafaults import FAULTS, SchemaFault
from support.servers import Pair

from pgcutover.connect import open_session
from pgcutover.schema.compare import Difference, differences
from pgcutover.schema.fix.script import FixScript
from pgcutover.schema.kinds import KINDS
from pgcutover.schema.objects import Snapshot
from pgcutover.schema.snapshot import take

NAMES = [kind.name for kind in KINDS]
# differences that only creating a table or type again fixes, and their comments
UNMENDABLE = {
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


@pytest.fixture(scope="module")
def lab(pair: Pair) -> Iterator[FaultLab]:
    with fault_lab(pair) as made:
        yield made


def wrong(expected: Snapshot, dsn: str) -> list[Difference]:
    with open_session(dsn) as session:
        found = take(session)
    compared = (d.about((), ("version",)) for d in differences(expected, found, NAMES))
    return [d for d in compared if d is not None]


def mended(expected: Snapshot, dsn: str, found: list[Difference]) -> list[str]:
    """Runs what is printed, extras too; what it says cannot be mended."""
    mender = FixScript(expected)
    impossible = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _, statement in mender.plan(found):
            if statement.startswith("--"):
                impossible.append(statement)
            else:
                connection.execute(statement.encode())
    return impossible


@pytest.mark.parametrize("fault", [*FAULTS, *REST], ids=[f.id for f in (*FAULTS, *REST)])
def test_a_damage_is_mended(lab: FaultLab, fault: SchemaFault) -> None:
    statements = fault.sql.split("; ") if "$$" not in fault.sql else [fault.sql]
    with lab.damaged(*statements) as target:
        found = wrong(lab.expected, target)
        if not found:
            pytest.skip("of the server")
        if fault.id in REFUSED:
            with pytest.raises(psycopg.Error, match=REFUSED[fault.id]):
                mended(lab.expected, target, found)
            return
        impossible = mended(lab.expected, target, found)
        left = wrong(lab.expected, target)
    said = " ".join(impossible)
    assert UNMENDABLE.get(fault.id, "") in said
    assert bool(said) == (fault.id in UNMENDABLE)
    assert [str(d) for d in left if d.object.name not in said] == []


def test_a_whole_schema_can_be_made_from_nothing(lab: FaultLab, pair: Pair, fresh_database) -> None:
    """In the order of the script; what is said to be impossible is all that may be left."""
    empty = fresh_database("target")
    found = wrong(lab.expected, empty)
    assert len(found) > 40
    said = " ".join(mended(lab.expected, empty, found))
    left = [str(d) for d in wrong(lab.expected, empty) if d.object.name not in said]
    assert "\n".join(left) == ""


def test_what_nothing_explains_is_only_dropped_by_people(lab: FaultLab) -> None:
    with lab.damaged('create table app."odd; drop\n"" schema app" (id int)') as target:
        lines = FixScript(lab.expected).script(wrong(lab.expected, target))
    assert lines == ['-- drop table app."odd; drop\n-- "" schema app";']
