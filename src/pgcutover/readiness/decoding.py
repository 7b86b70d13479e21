"""Logical decoding on a side: its settings, and slots and senders that are left.

A slot that nobody reads keeps WAL until the disk is full, and the dead rows of the catalogs
(PostgreSQL documentation, "Replication Slots").
"""

from dataclasses import dataclass, field

from pgcutover.connect import Connection
from pgcutover.readiness.situation import Situation

_SETTINGS = """
select name, setting from pg_settings
where name in ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size',
               'wal_sender_timeout', 'max_connections')
"""
_USED = """
select (select count(*) from pg_replication_slots),
       (select count(*) from pg_stat_replication), pg_is_in_recovery()
"""
_UNREAD = """
select slot_name, coalesce(to_jsonb(s) ->> 'wal_status', ''), pg_size_pretty(
           pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
                                else pg_current_wal_lsn() end, restart_lsn))
from pg_replication_slots s where not active order by 1
"""


@dataclass(frozen=True, slots=True)
class Capture:
    """Readers of a side's changes: the slots they need, and how the names of theirs begin.

    `dsn` is the ledger's; '' where there is none, or the gate is not given it.
    """

    slots: int = 0
    own_slots: tuple[str, ...] = ()
    dsn: str = field(default="", repr=False)

    @property
    def is_on(self) -> bool:
        """Return whether anything reads the side's changes."""
        return self.slots > 0


def judge_decoding(found: Situation, side: str, connection: Connection, capture: Capture) -> None:
    """Check that the changes of a side can be read, as far as somebody is to read them."""
    settings: dict[str, str] = dict(connection.execute(_SETTINGS.encode()).fetchall())
    slots, senders, in_recovery = connection.execute(_USED.encode()).fetchone() or (0, 0, False)
    found.facts[side] = {"wal_level": settings["wal_level"], "slots": slots, "senders": senders}
    _judge_level(found, side, settings["wal_level"], capture)
    if in_recovery and capture.is_on:
        found.add(
            "*",
            "standby",
            f"the {side}'s DSN leads to a standby, on which no slot can follow the primary's "
            "writes safely; name the primary",
        )
    for what, setting, used in (
        ("replication slot", "max_replication_slots", slots),
        ("WAL sender", "max_wal_senders", senders),
    ):
        _judge_room(found, side, what, setting, int(settings[setting]) - used, capture)
    kept_mb = int(settings.get("max_slot_wal_keep_size", -1))
    _judge_unread(found, side, connection, kept_mb, capture)


def _judge_level(found: Situation, side: str, level: str, capture: Capture) -> None:
    if level != "logical":
        found.add(
            "wal_level",
            "no logical decoding",
            f"wal_level of the {side} is {level}, so no mover and no ledger can read its changes; "
            "set it to logical and restart the server (on RDS: rds.logical_replication = 1)",
            fails=capture.is_on,
        )


def _judge_room(
    found: Situation, side: str, what: str, setting: str, left: int, capture: Capture
) -> None:
    """Warn where fewer are left than the migration needs; its own may be among those in use."""
    if left < max(capture.slots, 1):
        left_words = "none is left" if left <= 0 else f"only {left} left"
        found.add(
            setting,
            "no room",
            f"{setting} of the {side}: {left_words}, and a mover or a ledger needs a {what} each; "
            f"raise {setting}, or drop what is not used, before it is created",
            fails=False,
        )


def _judge_unread(
    found: Situation, side: str, connection: Connection, kept_mb: int, capture: Capture
) -> None:
    """Warn of slots that nobody reads, and of a limit beyond which slots are lost."""
    for name, status, retained in connection.execute(_UNREAD.encode()):
        if name.startswith(capture.own_slots):
            continue
        if status == "lost":
            message = f"slot {name} of the {side} is lost and can be read no more; drop it"
        else:
            limit = "until the disk is full" if kept_mb < 0 else f"up to {kept_mb} MB"
            kept = f"keeps {retained} of WAL, {limit}, and dead rows of the catalogs"
            message = (
                f"slot {name} of the {side} is read by nobody; it "
                f"{kept if retained else 'takes up one of max_replication_slots'}; start its "
                f"reader, or run there: select pg_drop_replication_slot('{name}')"
            )
        found.add(name, "unread slot", message, fails=False)
    if capture.is_on and kept_mb >= 0:
        found.warnings.append(
            f"max_slot_wal_keep_size of the {side} is {kept_mb} MB: a mover or a ledger that stops "
            "while more is written loses its slot and must load again"
        )
