"""Test that each fault of the list fails exactly the checks that it names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from batches import batches, copies_sql
from compare.lab import Judged, Lab, build_source, build_target, laboratory, run
from faultlist.everything import FAULTS
from faultlist.model import Fault
from support.servers import Pair

BATCHES = batches(FAULTS)


def source(dsn: str) -> None:
    build_source(dsn)
    run(dsn, copies_sql("app"))


def target(dsn: str) -> None:
    build_target(dsn)
    run(dsn, copies_sql("core"))


@contextmanager
def damaged(pair: Pair, faults: Sequence[Fault]) -> Iterator[Lab]:
    own_source = any(fault.source for fault in faults)
    build = (source, target) if len(faults) > 1 else (build_source, build_target)
    with laboratory(pair, own_source=own_source, build=build) as lab:
        for fault in faults:
            for dsn, statement in ((lab.source, fault.source), (lab.target, fault.target)):
                if statement:
                    run(dsn, statement, autocommit=fault.alone)
        yield lab


@pytest.mark.parametrize("batch", BATCHES, ids=["+".join(f.id for f in b) for b in BATCHES])
def test_each_fault_fails_exactly_its_checks(pair: Pair, batch: tuple[Fault, ...]) -> None:
    """Apply faults of different tables together; each must fail its own checks and no others."""
    with damaged(pair, batch) as lab:
        results = lab.judge()
    assert results.red.keys() == frozenset().union(*(f.red for f in batch)), results.text
    assert results.unknown.keys() == frozenset().union(*(f.unknown for f in batch)), results.text
    for fault in batch:
        text = results.text if len(batch) == 1 else about(results, fault)
        assert [words for words in fault.says if words not in text] == [], (fault.id, text)


def about(results: Judged, fault: Fault) -> str:
    """Return the results that concern the fault's own objects."""
    found = {**results.red, **results.unknown}
    own = [text for identity, text in found.items() if identity in fault.red | fault.unknown]
    names = {identity.split("[", 1)[1].rstrip("]") for identity in fault.red | fault.unknown}
    findings = [repr(f) for f in results.findings if names & {f.object, f.object.rsplit(".", 1)[0]}]
    return "\n".join([*own, *findings])


def test_fault_names_are_unique() -> None:
    assert len({f.id for f in FAULTS}) == len(FAULTS)
