"""Targets that cannot accept the application's writes."""

from faultlist.harmless import THIS_DATABASE
from faultlist.model import Fault, of

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
]
