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
]
