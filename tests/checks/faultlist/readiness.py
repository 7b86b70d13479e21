"""Targets that cannot accept the application's writes."""

from faultlist.harmless import THIS_DATABASE
from faultlist.model import Fault, of

NEAR_END = "create sequence lib.near_end maxvalue 99; select setval('lib.near_end', 89)"

READINESS_FAULTS = [
    Fault(
        "read-only-database",
        "readiness",
        "new sessions of the target are read only",
        THIS_DATABASE.format("default_transaction_read_only to on"),
        red=of("*", "READY-WRITABLE"),
        says=("reset default_transaction_read_only",),
        alone=True,
    ),
    Fault(
        "unknown-subscription",
        "readiness",
        "a subscription writes to the target",
        "create subscription writer connection 'host=localhost' publication p with"
        " (connect = false, slot_name = none, enabled = false);"
        "update pg_subscription set subenabled = true",  # no slot, so that no worker writes
        red=of("*", "READY-SUBSCRIPTIONS"),
        says=("alter subscription writer disable",),
    ),
    Fault(
        "swapped",
        "readiness",
        "source and target are swapped",
        source="create schema pgcutover; create table pgcutover.journal (phase text)",
        red=of("*", "READY-DIRECTION"),
        says=("swap the two DSNs",),
    ),
    Fault(
        "prepared-on-target",
        "readiness",
        "a transaction is prepared on the target",
        "begin; update core.kv set v = v; prepare transaction 'left-open'",
        red=of("*", "READY-WRITERS"),
        says=("of role", "is prepared on the target"),
        alone=True,
    ),
    Fault(
        "sequence-near-its-end",
        "readiness",
        "a sequence has used most of its numbers",
        NEAR_END,
        NEAR_END,
        red=of("*", "READY-NUMBERS"),
        says=("sequence lib.near_end of the source has used 89.7 %", "10 numbers are left"),
    ),
    Fault(
        "no-room",
        "readiness",
        "the database allows hardly any more sessions",
        THIS_DATABASE.replace("set ", "").format("connection limit 4"),
        red=of("*", "READY-SESSIONS"),
        says=("(the connection limit of database", "raise the limit"),
        alone=True,
    ),
    Fault(
        "extension-not-offered",
        "readiness",
        "the target's major has an extension of the source no more",
        source="create extension adminpack",
        red=of("*", "READY-OFFERED"),
        says=("adminpack 2.1 of the source is not among those that the target offers",),
    ),
    Fault(
        "impatient-wal-sender",
        "readiness",
        "a side whose changes are to be read ends streams after 5 s",
        THIS_DATABASE.format("wal_sender_timeout to 5000"),
        THIS_DATABASE.format("wal_sender_timeout to 5000"),
        red=of("*", "READY-PARAMETERS"),
        says=("wal_sender_timeout of the target is 5,000 ms", "set it to 0 or to 60s"),
        alone=True,
    ),
    Fault(
        "oid-column",
        "readiness",
        "DMS does not carry columns of type oid",
        "alter table core.kv add file oid",
        "alter table app.kv add file oid",
        red=of("*", "READY-DMS-TABLES"),
        says=("column file of app.kv is of type oid", "change it to bigint"),
    ),
    Fault(
        "array-without-key",
        "readiness",
        "DMS suspends a table with an array and no primary key",
        "alter table core.audit_log add tags text[]",
        "alter table app.audit_log add tags text[]",
        red=of("*", "READY-DMS-TABLES"),
        says=("app.audit_log of the source has the array tags and no primary key",),
    ),
    Fault(
        "unique-coalesce",
        "readiness",
        "DMS does not carry a table with a unique index on coalesce()",
        "create unique index kv_once on core.kv (coalesce(v, ''), k)",
        "create unique index kv_once on app.kv (coalesce(v, ''), k)",
        red=of("*", "READY-DMS-TABLES"),
        says=("unique index kv_once of app.kv calls coalesce()",),
    ),
]
