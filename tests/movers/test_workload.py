"""Test the facts about tables and sessions by which task settings are checked."""

import psycopg

from pgcutover.connect import open_session
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.movers.dms.open_transactions import read_open_transactions
from pgcutover.movers.dms.settings.lob_size import LobColumn
from pgcutover.movers.dms.settings.workload import Workload, read_workload

CODES = MappedTable(
    RelationName("public", "codes"), RelationName("public", "codes"), (("code", "code"),)
)


def facts_of(stage, *tables, lobs=()):
    with open_session(stage.source_dsn) as source, open_session(stage.target_dsn) as target:
        return read_workload(source, target, tables, lobs, "full-load-and-cdc")


def test_properties_of_tables_are_read_from_the_side_that_they_matter_on(stage):
    stage.source("create table public.codes (code text primary key)")
    stage.target("create table public.codes (code text primary key)")
    stage.target("create unique index on auth.users (name)")
    lobs = [LobColumn(RelationName("public", "users"), "photo", 9)]
    facts = facts_of(stage, stage.users, stage.visits, stage.log, CODES, lobs=lobs)
    assert facts.keyless_tables == ("public.log",)
    assert facts.several_unique_tables == ("auth.users",)
    assert facts.text_key_tables == ("public.codes",)
    assert facts.has_booleans
    assert facts.has_padded_texts
    assert facts.largest_lob_bytes == 9


def test_tables_without_such_properties_have_none(stage):
    assert facts_of(stage, stage.visits) == Workload("full-load-and-cdc")


def test_open_writers_are_found_and_readers_are_not(stage):
    with (
        psycopg.connect(stage.source_dsn) as writer,
        psycopg.connect(stage.source_dsn) as reader,
        open_session(stage.source_dsn) as source,
    ):
        reader.execute("select 1")
        assert read_open_transactions(source) == ()
        writer.execute("insert into public.log values ('open')")
        (found,) = read_open_transactions(source)
        assert found.name == str(writer.info.backend_pid)
        assert not found.is_prepared
        assert found.since <= found.now
