"""A fenced source has the same expected schema as before."""

from compare.lab import Lab, laboratory
from support.servers import Pair

from pgcutover.connect import open_session, open_writer
from pgcutover.freeze import create_fence, read_relations
from pgcutover.schema.stage import SchemaStage


def trigger_report(lab: Lab) -> str:
    return SchemaStage(lab.schema(lab.manifest()).evidence).as_expected("trigger").report()


def test_only_a_fence_of_ours_is_left_out_of_the_expected_schema(pair: Pair) -> None:
    with laboratory(pair, own_source=True) as lab:
        with open_session(lab.source) as source:
            relations = read_relations(source, [t.source for t in lab.manifest().tables])
        with open_writer(lab.source) as owner:
            create_fence(owner, relations)
        assert trigger_report(lab) == "no difference"
        with open_writer(lab.source) as owner:
            owner.execute(
                "create or replace function pgcutover.pgcutover_fence() returns trigger"
                " language plpgsql as 'begin return null; end'"
            )
        assert "pgcutover_fence" in trigger_report(lab)
