"""Test the dumped schema of the source: complete, repeatable and without the password."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from support.kgc import quiet
from support.servers import Pair

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError, ServerError
from pgcutover.provision import pg_dump
from pgcutover.provision.pg_dump import dump_section
from pgcutover.provision.source_schema import apply_section, extract

# objects that a split at a wrong semicolon, or a dropped line, would break
_ODD = """
create function odd() returns text language plpgsql as $$
begin
-- a comment in column one; with a semicolon
    return E'\\\\restrict me;' || $q$; -- "$q$;
end
$$;
create function atomic_body(i int) returns int language sql
    begin atomic select 1; select case when i > 0 then i else -i end; end;
create table parent (id int primary key, "Mixed;Case" text default ';');
create table child (id int primary key, parent_id int references parent);
create index child_parent on child (parent_id) where parent_id > 0;
comment on table child is 'a; comment -- with everything ''quoted''';
"""


@pytest.fixture
def source(fresh_database: Callable[..., str]) -> str:
    """The DSN of a source with unusual definitions."""
    dsn = fresh_database("source")
    with psycopg.connect(dsn) as conn:
        conn.execute(_ODD)
    return dsn


def test_an_odd_schema_arrives_as_it_was(source: str, target: Connection, tmp_path: Path) -> None:
    for section in extract(source, tmp_path, quiet):
        apply_section(target, section, quiet)
    query = """
        select proname, prosrc, pg_get_functiondef(oid) from pg_proc
        where pronamespace = 'public'::regnamespace order by 1
    """
    with psycopg.connect(source) as conn:
        assert conn.execute(query).fetchall() == target.execute(query).fetchall()
    assert target.execute("select odd()").fetchone() == ('\\restrict me;; -- "',)
    comment = target.execute("select obj_description('child'::regclass)").fetchone()
    assert comment == ("a; comment -- with everything 'quoted'",)


def test_the_same_schema_has_the_same_checksum(source: str, tmp_path: Path) -> None:
    one, other = (extract(source, tmp_path, quiet) for _ in range(2))
    assert [s.sha256 for s in one] == [s.sha256 for s in other]


def test_both_sections_are_kept_as_evidence(source: str, tmp_path: Path) -> None:
    sections = extract(source, tmp_path / "evidence", quiet)
    assert [s.path.name for s in sections] == ["source-pre-data.sql", "source-post-data.sql"]
    assert [s.path.read_text() for s in sections] == [s.text for s in sections]
    assert "CREATE TABLE public.parent" in sections[0].text
    assert "FOREIGN KEY (parent_id)" in sections[1].text


def test_a_section_is_applied_once(source: str, target: Connection, tmp_path: Path) -> None:
    (pre_data, _) = extract(source, tmp_path, quiet)
    assert apply_section(target, pre_data, quiet) is not None
    assert apply_section(target, pre_data, quiet) is None


def test_a_source_that_changed_meanwhile_is_refused(
    source: str, target: Connection, tmp_path: Path
) -> None:
    (before, _) = extract(source, tmp_path, quiet)
    apply_section(target, before, quiet)
    with psycopg.connect(source) as conn:
        conn.execute("alter table child add column late int")
    (after, _) = extract(source, tmp_path, quiet)
    with pytest.raises(ProvisionError, match="the source's schema has changed") as failure:
        apply_section(target, after, quiet)
    assert before.sha256 in str(failure.value)
    assert after.sha256 in str(failure.value)


def test_a_section_that_fails_leaves_the_target_as_it_was(
    source: str, target: Connection, tmp_path: Path
) -> None:
    target.execute("create table parent (other text)")
    pre_data, post_data = extract(source, tmp_path, quiet)
    assert apply_section(target, pre_data, quiet) is not None
    with pytest.raises(ProvisionError, match="SQLSTATE 42703"):
        apply_section(target, post_data, quiet)
    assert target.execute("select count(*) from pg_index i where i.indrelid = 'child'::regclass"
                          ).fetchone() == (0,)  # fmt: skip


def test_the_password_is_never_in_the_arguments(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy, seen = tmp_path / "pg_dump", tmp_path / "seen"
    real = pg_dump.find_pg_dumps()[0]
    spy.write_text(f'#!/bin/sh\necho "$@" >"{seen}"\nexec "{real.path}" "$@"\n')
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(pg_dump, "find_pg_dumps", lambda: [pg_dump.PgDump(spy, real.env)])
    assert "CREATE TABLE" in dump_section(source, "pre-data")
    assert str(conninfo_to_dict(source)["password"]) not in seen.read_text()
    assert "PGPASSWORD" not in os.environ


def test_a_wrong_password_is_one_sentence_without_it(pair: Pair) -> None:
    wrong = make_conninfo(pair.source.dsn(), password="not-it-9f2c")
    with pytest.raises(ServerError, match=r"^source: cannot connect") as e:
        dump_section(wrong, "pre-data")
    assert "not-it-9f2c" not in str(e.value)


def test_a_pg_dump_without_tls_gives_way_to_the_one_on_path(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mute = tmp_path / "pg_dump"
    mute.write_text("#!/bin/sh\necho 'SSL support is not compiled in' >&2\nexit 1\n")
    mute.chmod(mute.stat().st_mode | stat.S_IXUSR)
    second = pg_dump.find_pg_dumps()[0]
    monkeypatch.setattr(pg_dump, "find_pg_dumps", lambda: [pg_dump.PgDump(mute, {}), second])
    assert "CREATE TABLE public.parent" in dump_section(source, "pre-data")


def test_an_older_target_is_not_sent_what_it_does_not_know(source: str) -> None:
    assert "transaction_timeout" not in dump_section(source, "pre-data")
