"""Test the pgoutput decoder with messages of a real server, and with invalid messages."""

import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcutover.errors import UnreadableError
from pgcutover.pgoutput.messages import (
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Insert,
    Message,
    Origin,
    Relation,
    Truncate,
    Type,
    Update,
    decode,
    format_lsn,
    parse_lsn,
)
from pgcutover.pgoutput.streaming import (
    EndPrepared,
    LogicalMessage,
    Prepare,
    StreamCommit,
    Streamed,
    StreamStart,
    StreamStop,
    decode_any,
)

Connection = psycopg.Connection[tuple[object, ...]]


class Slot:
    """A logical slot on its own database; `changes` returns the changes since the last call."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.name = f"slot_{uuid4().hex[:8]}"
        conn.execute("create publication p for all tables")
        conn.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,))

    def changes(self) -> list[Message]:
        rows = self.conn.execute(
            "select data from pg_logical_slot_get_binary_changes(%s, null, null,"
            " 'proto_version', '1', 'publication_names', 'p')",
            (self.name,),
            binary=True,
        )
        return [decode(bytes(data)) for (data,) in rows]  # type: ignore[arg-type]

    def rows(self) -> list[Message]:
        return [m for m in self.changes() if isinstance(m, Insert | Update | Delete | Truncate)]


@pytest.fixture(params=["source", "target"])
def slot(request: pytest.FixtureRequest, fresh_database: Callable[..., str]) -> Iterator[Slot]:
    with psycopg.connect(fresh_database(request.param), autocommit=True) as conn:
        yield Slot(conn)
        conn.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where database = current_database()"
        )


def test_decodes_a_transaction(slot: Slot) -> None:
    slot.conn.execute("create type public.mood as enum ('ok')")
    slot.conn.execute("create table public.t (id int primary key, v text, m public.mood)")
    slot.changes()
    before = datetime.now(UTC)
    slot.conn.execute("insert into public.t values (1, 'é', 'ok'), (2, null, null)")
    begin, *middle, commit = slot.changes()
    assert isinstance(begin, Begin)
    assert isinstance(commit, Commit)
    assert begin.final_lsn == commit.commit_lsn < commit.end_lsn
    assert before - timedelta(seconds=1) < begin.committed_at == commit.committed_at
    kind, relation, *rows = middle
    assert isinstance(kind, Type)
    assert (kind.schema, kind.name) == ("public", "mood")
    assert isinstance(relation, Relation)
    assert (relation.schema, relation.name, relation.replica_identity) == ("public", "t", "d")
    assert [(c.name, c.key) for c in relation.columns] == [("id", True), ("v", False), ("m", False)]
    oid = relation.oid
    assert rows == [Insert(oid, ("1", "é", "ok")), Insert(oid, ("2", None, None))]


def test_updates_and_deletes_under_each_replica_identity(slot: Slot) -> None:
    run = slot.conn.execute
    run("create table public.t (id int primary key, u int not null unique, v text)")
    run("insert into public.t values (1, 10, 'a')")
    slot.changes()
    oid = run("select 'public.t'::regclass::oid::int").fetchone()[0]  # type: ignore[index]
    run("update public.t set v = 'b'")
    run("update public.t set id = 2")
    run("delete from public.t")
    assert slot.rows() == [
        Update(oid, None, False, ("1", "10", "b")),
        Update(oid, ("1", None, None), True, ("2", "10", "b")),
        Delete(oid, ("2", None, None), True),
    ]
    run("alter table public.t replica identity using index t_u_key")
    run("insert into public.t values (3, 30, 'c')")
    run("update public.t set u = 31")
    run("delete from public.t")
    assert slot.rows()[1:] == [
        Update(oid, (None, "30", None), True, ("3", "31", "c")),
        Delete(oid, (None, "31", None), True),
    ]
    run("alter table public.t replica identity full")
    run("insert into public.t values (4, 40, 'd')")
    run("update public.t set v = 'e'")
    run("delete from public.t")
    assert slot.rows()[1:] == [
        Update(oid, ("4", "40", "d"), False, ("4", "40", "e")),
        Delete(oid, ("4", "40", "e"), False),
    ]


def test_marks_an_unchanged_toasted_value(slot: Slot) -> None:
    slot.conn.execute("create table public.t (id int primary key, n int, big text)")
    slot.conn.execute("alter table public.t alter big set storage external")
    slot.conn.execute("insert into public.t values (1, 1, repeat('x', 9000))")
    slot.changes()
    slot.conn.execute("update public.t set n = 2")
    (update,) = slot.rows()
    assert isinstance(update, Update)
    assert update.new == ("1", "2", UNCHANGED)


def test_truncate_with_its_options(slot: Slot) -> None:
    slot.conn.execute("create table public.a (id serial primary key)")
    slot.conn.execute("create table public.b (id int references public.a)")
    slot.changes()
    slot.conn.execute("truncate public.a restart identity cascade")
    slot.conn.execute("truncate public.b")
    first, second = slot.rows()
    assert isinstance(first, Truncate)
    assert (len(first.relation_oids), first.cascade, first.restart_identity) == (2, True, True)
    assert isinstance(second, Truncate)
    assert (len(second.relation_oids), second.cascade, second.restart_identity) == (1, False, False)


def test_a_replicated_transaction_names_its_origin(slot: Slot) -> None:
    run = slot.conn.execute
    run("create table public.t (id int primary key)")
    slot.changes()
    origin = f"origin_{uuid4().hex[:8]}"
    run("select pg_replication_origin_create(%s)", (origin,))
    run("select pg_replication_origin_session_setup(%s)", (origin,))
    with slot.conn.transaction():
        run("select pg_replication_origin_xact_setup('0/ABC', now())")
        run("insert into public.t values (1)")
    run("select pg_replication_origin_session_reset()")
    found = [m for m in slot.changes() if isinstance(m, Origin)]
    run("select pg_replication_origin_drop(%s)", (origin,))
    assert [m.name for m in found] == [origin]


def test_an_invalid_message_is_refused() -> None:
    relation = b"R" + struct.pack("!I", 7) + b"public\0t\0d" + struct.pack("!H", 0)
    assert decode(relation) == Relation(7, "public", "t", "d", ())
    insert = b"I" + struct.pack("!I", 7) + b"N" + struct.pack("!H", 1)
    refused = {
        b"": "kind b''",
        b"?": "kind b'?'",
        b"S" + bytes(5): "kind b'S'",
        relation[:-1]: "is malformed",
        relation + b"x": "left over",
        insert + b"b" + struct.pack("!I", 1) + b"x": "without binary",
        insert + b"t" + struct.pack("!I", 5) + b"x": "is malformed",
        insert + b"t" + struct.pack("!I", 1) + b"\xff": "is malformed",
        insert.replace(b"N", b"K"): "expected part 'N'",
        b"D" + struct.pack("!I", 7) + b"N": "key or row of a delete",
        b"U" + struct.pack("!I", 7) + b"x": "row of an update",
    }
    for data, reason in refused.items():
        with pytest.raises(UnreadableError, match=reason):
            decode(data)


@given(st.binary(max_size=60))
def test_random_bytes_are_decoded_or_refused(noise: bytes) -> None:
    for kind in b"BCORYIUDT":
        try:
            decode(bytes([kind]) + noise)
        except UnreadableError:
            continue


TUPLE = st.lists(st.none() | st.just(UNCHANGED) | st.text(st.characters(exclude_categories=["Cs"])))


def encode(row: list[object]) -> bytes:
    parts = [struct.pack("!H", len(row))]
    for value in row:
        if value is None or value is UNCHANGED:
            parts.append(b"n" if value is None else b"u")
        else:
            text = str(value).encode()
            parts.append(b"t" + struct.pack("!I", len(text)) + text)
    return b"".join(parts)


@given(st.integers(0, 2**32 - 1), TUPLE, st.none() | TUPLE, st.booleans())
def test_encoded_rows_are_decoded_unchanged(
    oid: int, new: list[object], old: list[object] | None, key: bool
) -> None:
    head = struct.pack("!I", oid)
    assert decode(b"I" + head + b"N" + encode(new)) == Insert(oid, tuple(new))  # type: ignore[arg-type]
    before = (b"K" if key else b"O") + encode(old) if old is not None else b""
    expected = Update(
        oid,
        None if old is None else tuple(old),  # type: ignore[arg-type]
        key and old is not None,
        tuple(new),  # type: ignore[arg-type]
    )
    assert decode(b"U" + head + before + b"N" + encode(new)) == expected


@given(st.integers(0, 2**64 - 1))
def test_an_lsn_is_parsed_and_formatted_unchanged(lsn: int) -> None:
    assert parse_lsn(format_lsn(lsn)) == lsn


def test_an_lsn_is_formatted_as_postgresql_does() -> None:
    assert parse_lsn("16/B374D848") == 0x16B374D848
    assert format_lsn(0x16B374D848) == "16/B374D848"


def test_decodes_streamed_and_prepared_transactions(
    fresh_database: Callable[..., str],
) -> None:
    with psycopg.connect(fresh_database("target"), autocommit=True) as conn:
        name = f"slot_{uuid4().hex[:8]}"
        conn.execute("set logical_decoding_work_mem = '64kB'")
        conn.execute("create table public.t (id int primary key)")
        conn.execute("create publication p for all tables")
        conn.execute(
            "select pg_create_logical_replication_slot(%s, 'pgoutput', false, true)", (name,)
        )
        tops = [_write_streams(conn, end) for end in ("commit", "rollback")]
        tops += [_write_prepared(conn, end) for end in ("commit", "rollback")]
        conn.execute("select pg_logical_emit_message(true, 'prefix', 'content')")
        rows = conn.execute(
            "select data from pg_logical_slot_get_binary_changes(%s, null, null, 'proto_version',"
            " '4', 'publication_names', 'p', 'streaming', 'on', 'messages', 'on')",
            (name,),
            binary=True,
        )
        found, in_stream = [], False
        for (data,) in rows:
            message = decode_any(bytes(data), in_stream=in_stream)  # type: ignore[arg-type]
            in_stream = isinstance(message, StreamStart) or (
                in_stream and not isinstance(message, StreamStop)
            )
            found.append(message)
        conn.execute("select pg_drop_replication_slot(%s)", (name,))
    commits = [m.xid for m in found if isinstance(m, StreamCommit)]
    assert commits == tops[:1]
    assert {m.xid for m in found if isinstance(m, StreamStart)} <= {*tops}
    subs = {m.xid for m in found if isinstance(m, Streamed) and isinstance(m.message, Insert)}
    assert subs - {*tops}
    ends = [m for m in found if isinstance(m, EndPrepared)]
    assert [(m.xid in tops, m.is_commit) for m in ends] == [(True, True), (True, False)]
    assert any(isinstance(m, Prepare) for m in found)
    assert LogicalMessage("prefix") in found


def _write_streams(conn: Connection, end: str) -> object:
    conn.execute("begin")
    top = conn.execute("select pg_current_xact_id()::text::int8").fetchone()
    conn.execute("savepoint s")
    conn.execute("insert into public.t select generate_series(1, 3000)")
    conn.execute(end)
    conn.execute("truncate public.t")
    return (top or (None,))[0]


def _write_prepared(conn: Connection, end: str) -> object:
    conn.execute("begin")
    top = conn.execute("select pg_current_xact_id()::text::int8").fetchone()
    conn.execute("insert into public.t select generate_series(1, 3)")
    conn.execute("prepare transaction 'streamed test'")
    conn.execute(f"{end} prepared 'streamed test'".encode())
    conn.execute("truncate public.t")
    return (top or (None,))[0]


@given(st.binary(max_size=60), st.booleans())
def test_random_bytes_in_streams_are_decoded_or_refused(noise: bytes, in_stream: bool) -> None:
    for kind in b"BCORYIUDTSEcAbPpKrM":
        try:
            decode_any(bytes([kind]) + noise, in_stream=in_stream)
        except UnreadableError:
            continue
