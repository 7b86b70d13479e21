"""Advice for each kind of finding, shared by the terminal, the sign-off page, Allure and JUnit."""

from collections.abc import Mapping
from dataclasses import dataclass

from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class Remedy:
    """An action, and the command that helps with it; '' where there is none."""

    action: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class _Command:
    """A command to be filled in, and what it does."""

    template: str
    purpose: str


# {pgcutover} is the command as this run's user can call it, {run} the folder of the run, {expected}
# and {target} are schema snapshots, {key} is the first key hash of the finding. A command is left
# out where the run lacks one of them.
_FIX = _Command(
    "{pgcutover} schema fix {expected} {target}",
    "the command prints the SQL, for you to read and run on the target",
)
_REVEAL = _Command(
    "{pgcutover} reveal {run} {key}", "the command shows the first of these rows on a terminal"
)
_DECLARE = "or declare the difference with a reason in [[differences]] of migration.toml"

_BY_CHECK = {
    "READY-TLS": Remedy("set sslmode=verify-full and sslrootcert in the DSN of that side"),
    "READY-READABLE": Remedy("grant the privilege to the role of the DSN, then run again"),
    "READY-DISTINCT": Remedy("correct one of the two DSNs"),
    "READY-WRITABLE": Remedy(
        "promote the target, or reset default_transaction_read_only where the finding names it"
    ),
    "READY-ENCRYPTED": Remedy(
        "set rds.force_ssl = 1, or use hostssl alone in pg_hba.conf, or set "
        "policy.unencrypted_connections to a reason"
    ),
    "READY-WRITERS": Remedy("stop the sessions that write, or name the mover's role"),
    "READY-SUBSCRIPTIONS": Remedy("disable or drop the subscription on the target, " + _DECLARE),
    "READY-DECODING": Remedy("set wal_level to logical on that side, and restart its server"),
    "READY-CHANGES": Remedy("give the table a replica identity, or set it logged, on the source"),
    "READY-NUMBERS": Remedy(
        "change the column to bigint on both sides, or accept it in policy.numbers_near_end"
    ),
    "READY-TRANSACTIONS": Remedy("run vacuum freeze on the source before the load"),
    "READY-SESSIONS": Remedy("raise the limit of connections, or close idle sessions"),
    "READY-MOVER-ROLE": Remedy("create the mover's role, and grant it what it lacks"),
    "READY-DIRECT": Remedy("name the server itself in the DSN of that side"),
    "READY-CLOCKS": Remedy("synchronize the clocks of both servers by NTP"),
    "READY-PARAMETERS": Remedy("set the parameter that the finding names, and reload the server"),
    "READY-DMS-TABLES": Remedy(
        "change the table as the finding says, on both sides, or exclude it from the mapping"
    ),
    "READY-OFFERED": Remedy("install the extension on the target, or remove it from the source"),
    "READY-DIRECTION": Remedy("exchange the DSNs of source and target"),
    "FREEZE-SEQUENCES": Remedy("run the setval() that the finding names on the target"),
    "FREEZE-SCHEMA": Remedy("end the freeze, run the gate again, and cut over without DDL"),
    "FREEZE-MOVER": Remedy("end the freeze, and fence the mover's role that the finding names"),
    "FREEZE-WRITERS": Remedy("end the freeze, stop what wrote, and cut over again"),
    "FREEZE-JOBS": Remedy("enable the job that the finding names on one side alone"),
    "FREEZE-BUDGET": Remedy("end the freeze, and try again with fewer open keys or more budget"),
    "AFTER-FENCE": Remedy("stop clients of the old side, and find who removed its fence"),
    "AFTER-STRAGGLERS": Remedy("restart the clients that are still connected to the old side"),
    "AFTER-JOBS": Remedy("enable the job on the side that is open alone"),
    "AFTER-SEQUENCES": Remedy("run the setval() that the finding names"),
    "AFTER-STATISTICS": Remedy("run analyze on the side that is open"),
    "AFTER-QUERIES": Remedy("look at the plan of the query: statistics, an index, a setting"),
    "AFTER-LEDGER": Remedy("see that the reverse mover runs, and who else writes"),
    "AFTER-INSERTS": Remedy("correct the sequence, privilege or trigger that the error names"),
    "AFTER-LOGS": Remedy("read the log of the hook, .pgcutover/hooks/errors.log"),
    "AFTER-CLOUDWATCH": Remedy("read the events in CloudWatch Logs"),
    "AFTER-METRICS": Remedy("look at the instance in RDS, or correct the limit in [after]"),
    "SMOKE-LOGIN": Remedy("correct the DSN that the finding names"),
    "SMOKE-NAMES": Remedy("set search_path for the role of clients, or create a view"),
    "SMOKE-INSERTS": Remedy("grant to the role of clients what the finding names"),
    "SMOKE-PLANS": Remedy("run analyze, or create the missing index"),
    "SMOKE-LOGS": Remedy("read the log of the hook, .pgcutover/hooks/errors.log"),
    "SCHEMA-DECLARED": Remedy("remove or correct the declaration in migration.toml"),
    "SCHEMA-TABLES": Remedy(
        "include or exclude the table with a selection rule; drop an extra table on the target, "
        + _DECLARE
    ),
    "SCHEMA-SCRIPTS": Remedy(
        "apply the missing script with --provision, or restore the script that was applied"
    ),
    "SCHEMA-SEQUENCES-USABLE": Remedy(
        "run the setval() that the finding names on the target before opening writes"
    ),
    "SCHEMA-VIEWS-FRESH": Remedy("run REFRESH MATERIALIZED VIEW on the target"),
    "SCHEMA-PARTITIONS-COVER": Remedy(
        "create the missing partition on the target, or move the rows of the default partition"
    ),
    "SCHEMA-AMCHECK": Remedy("run REINDEX on the target; restore the table if its heap is corrupt"),
    "SCHEMA-TRIGGERS": Remedy("reset session_replication_role where the finding names it"),
    "SCHEMA-SERVER": Remedy(
        "set the parameter in the target's parameter group or with ALTER DATABASE, " + _DECLARE
    ),
    "SCHEMA-": Remedy("make the target as expected, " + _DECLARE),
    "DATA-COUNTS": Remedy("see the result of DATA-ROWS for this table: it names the keys"),
    "DATA-ORPHANS": Remedy("load the missing parent rows, or correct the rows that lack one"),
    "DATA-LARGE-OBJECTS": Remedy("copy these large objects from the source, with the same oids"),
    "DATA-EXPECTATIONS": Remedy(
        "correct the data on the source, or the suite of this table in the expectations folder"
    ),
    "DATA-": Remedy("reload the table, or correct these rows on the target, then run again"),
    "DUAL-TRIGGERS": Remedy("keep the target's triggers from firing for the second write"),
    "DUAL-SEQUENCES": Remedy("pass the source's values to the second write"),
    "DUAL-RECENT": Remedy(
        "correct the rows, and let pgcutover outbox carry the writes instead of the application"
    ),
    "OUTBOX": Remedy(
        "keep the relay running and the triggers enabled, and replay what was refused"
    ),
    "DMS-EXCEPTIONS": Remedy(
        "correct the cause in DMS's control table, reload the table in DMS, then truncate the "
        "control table"
    ),
    "DMS-TABLES": Remedy("reload the table in DMS and wait for its validation"),
    "DMS-TASK": Remedy("correct the task or its settings in DMS, then resume it"),
}
# no SQL corrects a declaration or a table mapping
_WITHOUT_COMMAND = ("SCHEMA-DECLARED", "SCHEMA-TABLES")
_BY_KIND = {
    "rows extra": Remedy(
        "find the writer on the target and stop it, delete these rows there, then run again"
    ),
}


def remedy_for(check_id: str, finding: Finding, commands: Mapping[str, str]) -> Remedy | None:
    """Return the advice about a finding; None for a check that is not ours."""
    names = [name for name in _BY_CHECK if check_id.startswith(name)]
    found = _BY_KIND.get(finding.kind.replace("_", " "))
    if found is None and names:
        found = _BY_CHECK[max(names, key=len)]
    if found is None or check_id in _WITHOUT_COMMAND:
        return found
    keys = finding.evidence.get("key_hashes")
    known = {**commands, "key": keys[0]} if isinstance(keys, list | tuple) and keys else commands
    command = _FIX if check_id.startswith("SCHEMA-") else _REVEAL
    try:
        filled = command.template.format_map(known)
    except KeyError:
        return found
    return Remedy(f"{found.action}; {command.purpose}", filled)
