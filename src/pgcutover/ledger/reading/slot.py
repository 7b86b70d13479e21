"""The ledger's slot and publication on one side, and the checks of the slot's identity."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgcutover.connect import Connection
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ServerError, UnreadableError
from pgcutover.ledger.model import Label, SlotState
from pgcutover.mapping import RelationName
from pgcutover.pgoutput.messages import format_lsn, parse_lsn

PLUGIN = "pgoutput"
_MB = 1 << 20
_ROOTS_SINCE = 130000  # a publication can name a partitioned table


@dataclass(frozen=True, slots=True)
class Server:
    """The server behind a connection, as far as a slot depends on it."""

    system_identifier: str
    timeline: int
    database: str
    in_recovery: bool
    snapshot: str


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """A slot as the server shows it; sizes in bytes, None where there is no limit or no value."""

    plugin: str
    database: str
    confirmed: int
    restart: int
    wal_status: str
    active_pid: int | None
    retained_bytes: int
    safe_bytes: int | None


def read_server(connection: Connection, label: Label) -> Server:
    """Return the facts of a primary; UnreadableError for a standby."""
    if connection.execute("select pg_is_in_recovery()").fetchone() == (True,):
        raise UnreadableError(
            f"{label}: expected the primary, found a standby; its snapshots may list no running "
            "transactions, so the ledger would prove nothing; name the primary in migration.toml"
        )
    row = connection.execute(_SERVER).fetchone() or ()
    return Server(row[0], int(row[1], 16), *row[2:])


def read_slot(connection: Connection, slot: str) -> SlotFacts | None:
    """Return the slot; None if there is none of that name."""
    row = connection.execute(_SLOT, [slot]).fetchone()
    if row is None:
        return None
    plugin, database, confirmed, restart, *rest = row
    return SlotFacts(plugin, database, parse_lsn(confirmed), parse_lsn(restart), *rest)


def describe_identity_fault(
    label: Label,
    state: SlotState,
    positions: Collection[int],
    server: Server,
    found: SlotFacts | None,
) -> str:
    """Return the reason why the slot may not hold all changes since `state`; '' if it does.

    The slot's confirmed position has to be one that was recorded here before it was confirmed: a
    slot of the same name that was made again, or moved by somebody else, has another.
    """
    where = f"{label}: slot {state.slot}"
    if server.system_identifier != state.system_identifier:
        return _expected(where, "system identifier", state.system_identifier, server)
    if server.timeline != state.timeline:
        return (
            f"{where}: expected timeline {state.timeline}, found {server.timeline}; the server was "
            "promoted or restored, and changes may be missing"
        )
    if found is None:
        return f"{where} does not exist any more; the changes since are not recorded"
    if found.wal_status == "lost":
        return f"{where} lost WAL that it had not sent yet: max_slot_wal_keep_size was exceeded"
    if (found.plugin, found.database) != (state.plugin, state.database):
        return f"{where}: expected plugin {state.plugin}, found {found.plugin} in another place"
    if found.confirmed not in positions:
        return (
            f"{where}: expected the confirmed position {format_lsn(state.position)}, found "
            f"{format_lsn(found.confirmed)}; the slot was created again or read by somebody else"
        )
    return ""


def _expected(where: str, what: str, expected: str, server: Server) -> str:
    return (
        f"{where}: expected {what} {expected}, found {server.system_identifier}; this is another "
        "server"
    )


def describe_retained(label: Label, facts: SlotFacts, limit_mb: float) -> str:
    """Return a warning where the slot retains too much WAL, or soon loses some; '' otherwise."""
    retained = facts.retained_bytes / _MB
    if facts.wal_status in ("unreserved", "lost"):
        return (
            f"{label}: the slot is past max_slot_wal_keep_size (wal_status {facts.wal_status}); "
            'run "pgcutover ledger run" now, or its WAL is lost and the proof with it'
        )
    if limit_mb and retained > limit_mb:
        return (
            f"{label}: the slot retains {retained:.0f} MB of WAL, more than the {limit_mb:g} MB of "
            "ledger.max_retained_wal_mb; end the oldest transaction, keep the reader running, or "
            "drop the slot"
        )
    if facts.safe_bytes is not None and facts.safe_bytes < facts.retained_bytes:
        return (
            f"{label}: the slot retains {retained:.0f} MB of WAL, and max_slot_wal_keep_size lets "
            f"it retain {facts.safe_bytes / _MB:.0f} MB more"
        )
    return ""


def publish(
    connection: Connection, publication: str, members: Sequence[RelationName]
) -> list[RelationName]:
    """Publish exactly these tables; return those that were not published before."""
    known = {RelationName(*row) for row in connection.execute(_PUBLISHED, [publication])}
    row = connection.execute(_SETTINGS, [publication]).fetchone()
    if row == (False,):
        raise ServerError(
            f"publication {publication} exists with other settings: expected one that publishes "
            "every insert, update, delete and truncate, by partition; drop it and run again"
        )
    exists = row is not None
    if exists and known == {*members}:
        return []
    names = sql.SQL(", ").join(
        sql.SQL("only {}").format(sql.Identifier(m.schema, m.name)) for m in members
    )
    verb = "alter publication {} set table {}" if exists else "create publication {} for table {}"
    statement = sql.SQL(verb).format(sql.Identifier(publication), names)
    if not exists:
        statement += sql.SQL(" with (publish = 'insert, update, delete, truncate')")
    connection.execute(statement)
    return [m for m in members if m not in known]


def published_members(
    connection: Connection, roots: Sequence[RelationName], leaves: Sequence[RelationName]
) -> list[RelationName]:
    """Return the tables to publish; before PostgreSQL 13 the parts of a partitioned one."""
    return sorted(roots if connection.info.server_version >= _ROOTS_SINCE else leaves)


def create_slot(
    connection: Connection, label: Label, slot: str, timeout_seconds: float
) -> SlotState:
    """Create the slot; ServerError with what to do where that is not possible.

    Creating waits for every transaction that was writing when it began.
    """
    limit = sql.SQL("set statement_timeout = {}").format(
        sql.Literal(f"{int(timeout_seconds * 1000)}")
    )
    try:
        connection.execute(limit)
        connection.execute("select pg_create_logical_replication_slot(%s, %s)", [slot, PLUGIN])
        connection.execute("reset statement_timeout")
    except psycopg.errors.QueryCanceled as error:
        raise ServerError(
            f"{label}: slot {slot} was not created within {timeout_seconds:g} s: it waits for the "
            "transactions that were writing; end the oldest in pg_stat_activity and run again"
        ) from error
    server, found = read_server(connection, label), read_slot(connection, slot)
    if found is None:
        raise ServerError(f"{label}: slot {slot} vanished right after it was created")
    return SlotState(
        slot, server.system_identifier, server.timeline, PLUGIN, server.database,
        found.confirmed, server.snapshot,
    )  # fmt: skip


def explain_refusal(label: Label, what: str, error: psycopg.Error) -> ServerError:
    """Return the error for a slot or publication that the role may not create."""
    return ServerError(
        f"{label}: {what} cannot be created: {describe_error(error)}; the role of [ledger] needs "
        "REPLICATION (on RDS rds_replication), CREATE on the database and the ownership of the "
        "tables, and the server wal_level = logical (on RDS rds.logical_replication = 1) with a "
        "free slot"
    )


def drop(connection: Connection, slot: str) -> None:
    """Drop slot and publication, if they exist."""
    connection.execute(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
        " where slot_name = %s and database = current_database()",
        [slot],
    )
    connection.execute(sql.SQL("drop publication if exists {}").format(sql.Identifier(slot)))


# the name of a WAL file begins with the timeline; pg_control_checkpoint() lags behind a promotion
_SERVER = """
select (select system_identifier::text from pg_control_system()),
       left(pg_walfile_name(pg_current_wal_lsn()), 8), current_database()::text,
       false, txid_current_snapshot()::text
"""
_SLOT = """
select s.plugin::text, s.database::text, s.confirmed_flush_lsn::text, s.restart_lsn::text,
       coalesce(to_jsonb(s) ->> 'wal_status', ''), s.active_pid,
       pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::int8,
       (to_jsonb(s) ->> 'safe_wal_size')::int8
  from pg_replication_slots s where s.slot_name = %s and s.plugin is not null
"""
_SETTINGS = """
select p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate
       and not coalesce((to_jsonb(p) ->> 'pubviaroot')::bool, false)
       and not exists (select from pg_publication_rel r where r.prpubid = p.oid
                        and coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs', '') <> '')
  from pg_publication p where p.pubname = %s
"""
_PUBLISHED = """
select n.nspname::text, c.relname::text
  from pg_publication p join pg_publication_rel r on r.prpubid = p.oid
  join pg_class c on c.oid = r.prrelid join pg_namespace n on n.oid = c.relnamespace
 where p.pubname = %s
"""
