"""Parameters of a server that endanger a migration, though the application lives with them."""

from collections.abc import Mapping

from pgcutover.connect import Connection
from pgcutover.readiness.situation import Situation
from pgcutover.text.words import agree

# parameters of extensions have a value only where the extension is loaded
_NAMES = (
    "autovacuum",
    "idle_replication_slot_timeout",
    "log_min_duration_statement",
    "log_statement",
    "pgaudit.log",
    "wal_sender_timeout",
)
# what new sessions get, without what this session has pinned
_VALUES = """
select n, coalesce(s.reset_val, current_setting(n, true), ''), coalesce(' ' || s.unit, '')
from unnest(%s::text[]) n left join pg_settings s on s.name = n
"""
_PENDING = "select name from pg_settings where pending_restart order by 1"
_LEAST_SENDER_TIMEOUT_MS = 10_000

Values = Mapping[str, tuple[str, str]]
"""Values of parameters with their units, by name."""


def judge_parameters(
    found: Situation, side: str, connection: Connection, *, has_readers: bool, has_mover: bool
) -> None:
    """Check a server's parameters; `has_readers` where slots of the migration are read there."""
    rows = connection.execute(_VALUES.encode(), [list(_NAMES)])
    values = {name: (value, unit) for name, value, unit in rows}
    found.facts[f"parameters_{side}"] = {n: "".join(v) for n, v in values.items() if v[0]}
    _warn_of_pending(found, side, connection)
    if values["autovacuum"][0] == "off":
        found.warnings.append(
            f"autovacuum is off on the {side}, so nothing removes dead rows or renews statistics "
            "during the migration; switch it on"
        )
    if has_readers:
        _judge_readers(found, side, values)
    if has_mover and side == "target":
        _warn_of_logs(found, values)


def _warn_of_pending(found: Situation, side: str, connection: Connection) -> None:
    pending = [name for (name,) in connection.execute(_PENDING)]
    if pending:
        found.warnings.append(
            f"{', '.join(pending)} of the {side} {agree(len(pending), 'waits', 'wait')} for a "
            "restart, so the server behaves differently after its next one; restart it before the "
            "load"
        )


def _judge_readers(found: Situation, side: str, values: Values) -> None:
    timeout = int(values["wal_sender_timeout"][0])
    if 0 < timeout < _LEAST_SENDER_TIMEOUT_MS:
        found.add(
            "wal_sender_timeout",
            "short timeout",
            f"wal_sender_timeout of the {side} is {timeout:,} ms; expected 0 or at least "
            f"{_LEAST_SENDER_TIMEOUT_MS:,} ms, because a mover that is busy for longer loses its "
            "replication connection, and DMS requires it; set it to 0 or to 60s",
        )
    idle, unit = values["idle_replication_slot_timeout"]
    if idle not in ("", "0"):
        found.warnings.append(
            f"idle_replication_slot_timeout of the {side} is {idle}{unit}: a slot that nobody "
            "reads for so long is lost, and its mover or ledger must start anew; set it to 0 for "
            "the time of the migration"
        )


def _warn_of_logs(found: Situation, values: Values) -> None:
    statements = values["log_statement"][0]
    audited = {each.strip() for each in values["pgaudit.log"][0].lower().split(",")}
    logged = []
    if statements in ("mod", "all"):
        logged.append(f"log_statement is {statements}")
    if values["log_min_duration_statement"][0] == "0":
        logged.append("log_min_duration_statement is 0")
    if audited & {"write", "all"}:
        logged.append(f"pgaudit.log is {values['pgaudit.log'][0]}")
    if logged:
        found.warnings.append(
            f"{' and '.join(logged)} on the target, so the server's log gets the values of each "
            "row that the mover writes; reset it for the mover's role until the cutover"
        )
