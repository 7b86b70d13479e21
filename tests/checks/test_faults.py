"""Every fault of the list turns exactly the checks red that it names; harmless things none."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from compare.lab import Lab, laboratory, run
from faultlist.everything import FAULTS
from faultlist.model import Fault
from support.servers import Pair


@contextmanager
def damaged(pair: Pair, fault: Fault) -> Iterator[Lab]:
    with laboratory(pair, own_source=bool(fault.source)) as lab:
        for dsn, statement in ((lab.source, fault.source), (lab.target, fault.target)):
            if statement:
                run(dsn, statement, autocommit=fault.alone)
        yield lab


@pytest.mark.parametrize("fault", FAULTS, ids=[f.id for f in FAULTS])
def test_what_is_red(pair: Pair, fault: Fault) -> None:
    with damaged(pair, fault) as lab:
        judged = lab.judge()
    assert judged.red.keys() == fault.red, judged.text
    assert judged.unknown.keys() == fault.unknown, judged.text
    assert [words for words in fault.says if words not in judged.text] == [], judged.text


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({f.id for f in FAULTS}) == len(FAULTS)
