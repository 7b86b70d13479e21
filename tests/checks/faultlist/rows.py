"""Rows that are lost, extra, repeated, stale, or written by two writers at once."""

from faultlist.model import COUNTS, ORPHANS, RECENT, ROWS, Fault, every, of

SILENT = "set session_replication_role = replica"
CUSTOMER = "sales.purchases.orders_customer_id_fkey"


def counted(
    name: str, what: str, table: str, target: str, *says: str, source: str = "", kind: str = "rows"
) -> Fault:
    return Fault(name, kind, what, target, source, of(table, ROWS, COUNTS), says=says)


def ledger(name: str, what: str, target: str, *says: str) -> Fault:
    return Fault(name, "rows", what, target, red=of("core.ledger", ROWS, COUNTS, RECENT), says=says)


def same_count(
    name: str, what: str, table: str, target: str, *says: str, source: str = "", kind: str = "rows"
) -> Fault:
    return Fault(name, kind, what, target, source, of(table, ROWS), says=says)


LOST = [
    counted(
        "DAT-01",
        "a row is missing",
        "core.kv",
        "delete from core.kv where k = 'key-7'",
        "1 row missing on the target",
        "250 rows on the source, 249 on the target (-1)",
    ),
    counted(
        "DAT-02",
        "a row is extra",
        "core.kv",
        "insert into core.kv values ('ghost', 'x')",
        "1 row extra on the target",
        "(+1)",
    ),
    same_count(
        "DAT-03",
        "a row is missing and another extra",
        "core.kv",
        "delete from core.kv where k = 'key-7'; insert into core.kv values ('key-7x', 'v7')",
        "1 row missing",
        "1 row extra",
    ),
    counted(
        "first-row",
        "a row where the source has none",
        "core.nothing_yet",
        "insert into core.nothing_yet values (1, null)",
    ),
    counted(
        "DAT-64",
        "an unlogged table came empty",
        "core.session_cache",
        "truncate core.session_cache",
        "20 rows missing",
    ),
    ledger(
        "DMS-24",
        "the second half is missing",
        "delete from core.ledger where id > 200",
        "202 rows missing",
        "sampled",
    ),
    ledger(
        "DAT-47",
        "the last seconds are missing",
        "delete from core.ledger where isfinite(at) and at > (select max(at) - "
        "interval '5 min' from core.ledger where isfinite(at))",
        "5 recent rows missing",
    ),
    counted(
        "DMS-51",
        "a gap in the middle of the changes",
        "core.order_items",
        "delete from core.order_items where order_id between 401 and 404",
        "12 rows missing",
    ),
    counted(
        "DMS-32",
        "a dropped partition's rows are still there",
        "core.events",
        "insert into core.events values (900, '2026-01-01+00', 'old')",
    ),
    Fault(
        "SCH-103",
        "rows",
        "a partition is gone, with its rows and the foreign keys to it",
        "drop table core.events_2025q2 cascade",
        red=every(
            of("core.events", ROWS, COUNTS),
            of("core.event_notes.event_notes_event_fk", "SCHEMA-FKS"),
        ),
        says=("91 rows missing",),
    ),
    counted(
        "SCH-16",
        "an id is there twice, under a key that has more columns now",
        "core.events",
        "insert into core.events select id, at + interval '200 days', kind from "
        "core.events where id = 1",
        "1 row extra",
    ),
    counted(
        "inheriting-row",
        "a row is missing from a table that inherits; its parent has not lost one of its own",
        "core.dogs",
        "delete from core.dogs where id = 101",
        "10 rows on the source, 9 on the target",
    ),
    counted(
        "inherited-row",
        "a row went to the parent of its table",
        "core.animals",
        "insert into core.animals values (900, 'dog 101')",
    ),
]
REPEATED = [
    counted(
        "DMS-23",
        "rows of a keyless table doubled when the task went on",
        "core.audit_log",
        "insert into core.audit_log select * from core.audit_log where detail ->> 'g' = '10'",
        "3 rows extra",
    ),
    same_count(
        "duplicates-traded",
        "a keyless row repeated instead of another",
        "core.audit_log",
        "delete from core.audit_log where ctid = (select min(ctid) from "
        "core.audit_log where detail ->> 'g' = '10' and who = 'who0');"
        "insert into core.audit_log select * from core.audit_log where detail ->> "
        "'g' = '11' limit 1",
        "1 row missing",
        "1 row extra",
    ),
    same_count(
        "keyless-value",
        "a value changed in a keyless table",
        "core.audit_log",
        "update core.audit_log set action = 'Act' where detail ->> 'g' = '3'",
        "rows missing",
        "rows extra",
    ),
    Fault(
        "key-repeated",
        "rows",
        "a key is there twice after its index was lost",
        "alter table core.kv drop constraint kv_pkey; insert into core.kv select * "
        "from core.kv where k = 'key-5'",
        red=every(of("core.kv", ROWS, COUNTS), of("core.kv_pkey", "SCHEMA-INDEXES")),
        says=("1 of them repeat a key",),
    ),
]
STALE = [
    same_count(
        "DAT-45",
        "an older version of a row",
        "sales.purchases",
        "update sales.purchases set status = 'new' where id = 500",
    ),
    same_count(
        "DAT-57",
        "a row belongs to another customer",
        "sales.purchases",
        "update sales.purchases set customer_id = customer_id % 300 + 1 where id = 321",
        "customer_id (values differ)",
    ),
    same_count(
        "key-moved",
        "rows hold each other's keys",
        "core.kv",
        "update core.kv set k = 'tmp' where k = 'key-1'; update core.kv set k = "
        "'key-1' where k = 'key-2';"
        "update core.kv set k = 'key-2' where k = 'tmp'",
        "2 rows changed",
    ),
    Fault(
        "old-and-new",
        "rows",
        "rows inside and outside the recent window",
        "update core.customers set note = 'x' where id in (5, 300)",
        red=of("core.customers", ROWS, RECENT),
        says=("2 rows changed", "1 recent row changed"),
    ),
    same_count(
        "old-only",
        "a row older than the recent window",
        "core.customers",
        "update core.customers set note = 'x' where id = 5",
    ),
    Fault(
        "recent-null",
        "rows",
        "a row's own recent column became NULL",
        "update core.ledger set at = null where id = 400",
        red=of("core.ledger", ROWS, RECENT),
    ),
    Fault(
        "recent-infinity",
        "rows",
        "the row at infinity is missing",
        "delete from core.ledger where id = 402",
        red=of("core.ledger", ROWS, COUNTS, RECENT),
    ),
]
ORPHANED = [
    Fault(
        "DAT-48",
        "orphans",
        "a parent deleted while keys were not enforced",
        f"{SILENT}; delete from core.customers where id = 38",
        red=every(of("core.customers", ROWS, COUNTS), of(CUSTOMER, ORPHANS)),
        says=("point at rows that core.customers does not have",),
    ),
    Fault(
        "orphan-self",
        "orphans",
        "a row of its own table",
        f"{SILENT}; update sales.purchases set parent_id = 99999 where id = 700",
        red=every(of("sales.purchases", ROWS), of("sales.purchases.orders_parent_fk", ORPHANS)),
    ),
    Fault(
        "orphan-composite",
        "orphans",
        "half of a composite key is right",
        f"{SILENT}; update core.line_notes set line = 77 where order_id = 7",
        red=every(of("core.line_notes", ROWS), of("core.line_notes.line_notes_item_fk", ORPHANS)),
    ),
    Fault(
        "match-full",
        "orphans",
        "a key half NULL that MATCH FULL forbids",
        f"{SILENT}; update core.line_notes set line = null where order_id = 7",
        red=every(of("core.line_notes", ROWS), of("core.line_notes.line_notes_item_fk", ORPHANS)),
    ),
    Fault(
        "orphan-citext",
        "orphans",
        "a citext key whose parent changed",
        f"{SILENT}; update core.accounts set code = 'other' where id = 7",
        red=every(of("core.accounts", ROWS), of("core.aliases.aliases_code_fkey", ORPHANS)),
    ),
    Fault(
        "orphan-partitioned",
        "orphans",
        "a row that a partitioned table lost",
        f"{SILENT}; delete from core.events where id = 9",
        red=every(
            of("core.events", ROWS, COUNTS), of("core.event_notes.event_notes_event_fk", ORPHANS)
        ),
    ),
]
LR_19 = Fault(
    "LR-19",
    "orphans",
    "a child arrived on both sides whose parent the target lost",
    f"{SILENT}; insert into core.order_items values (4242, 1, 's', 1, 1)",
    f"{SILENT}; insert into app.order_items values (4242, 1, 's', 1, 1)",
    of("core.order_items.order_items_order_id_fkey", ORPHANS),
)
CUSTOMERS = (
    "(email, name, tenant, created_at, updated_at) values ('d@x', 'd', 't1',"
    " '2025-06-01 00:00:00.{0}+00', '2025-06-01 00:00:00.{0}+00')"
)
DUAL = [
    same_count(
        "DW-02",
        "an increment applied twice",
        "core.accounts",
        "update core.accounts set cents = cents + 50 where id = 4",
        kind="dual writes",
    ),
    Fault(
        "DW-03",
        "dual writes",
        "an insert applied twice, with a new surrogate key",
        "alter table core.ledger drop constraint ledger_idem_key;"
        "insert into core.ledger select id + 5000, account_id, cents, idem, at from "
        "core.ledger where id = 17",
        red=every(
            of("core.ledger", ROWS, COUNTS, RECENT), of("core.ledger_idem_key", "SCHEMA-INDEXES")
        ),
        says=("1 row extra",),
    ),
    Fault(
        "DW-04",
        "dual writes",
        "each side took its own clock",
        "insert into core.customers " + CUSTOMERS.format("2"),
        "insert into app.customers " + CUSTOMERS.format("1"),
        of("core.customers", ROWS, RECENT),
        says=("constant time shift of +0.1 s",),
    ),
    counted(
        "DW-07",
        "the second write failed silently",
        "core.kv",
        "",
        "1 row missing on the target",
        source="insert into app.kv values ('only-on-source', 'x')",
        kind="dual writes",
    ),
    counted(
        "DW-09",
        "a delete on the source alone",
        "core.kv",
        "",
        "1 row extra on the target",
        source="delete from app.kv where k = 'key-44'",
        kind="dual writes",
    ),
    same_count(
        "DW-10",
        "a newer value overwritten by a late change",
        "sales.purchases",
        "update sales.purchases set total = 0 where id = 900",
        kind="dual writes",
    ),
    same_count(
        "DW-11",
        "an upsert took the other branch",
        "core.accounts",
        "update core.accounts set owner = 'own9-updated' where id = 9",
        kind="dual writes",
    ),
    same_count(
        "DW-12",
        "each path wrote its own status",
        "sales.purchases",
        "update sales.purchases set status = 'cancelled' where id = 13",
        kind="dual writes",
    ),
    same_count(
        "DAT-51",
        "both sides gave one id to different rows",
        "core.animals",
        "insert into core.animals values (51, 'written on target')",
        "1 row changed",
        source="insert into app.animals values (51, 'written on source')",
        kind="dual writes",
    ),
    counted(
        "written-on-both",
        "a row written on both sides and changed on one",
        "core.kv",
        "insert into core.kv values ('both', 'a'), ('both2', 'a')",
        "1 row extra",
        source="insert into app.kv values ('both', 'a')",
        kind="dual writes",
    ),
]
LARGE_OBJECTS = [
    Fault(
        f"large-object-{name}",
        "large objects",
        what,
        target,
        source,
        of("*", "DATA-LARGE-OBJECTS"),
        says=(says,),
    )
    for name, what, source, target, says in [
        ("missing", "a large object that was not moved", "select lo_from_bytea(4711, 'x')", "",
         "1 large object is missing on the target, oids 4711"),
        ("extra", "a large object that the source has deleted", "",
         "select lo_from_bytea(4711, 'x')", "1 large object is extra on the target"),
        ("changed", "a large object with other contents", "select lo_from_bytea(4711, 'xa')",
         "select lo_from_bytea(4711, 'xb')", "1 large object has different contents"),
        ("cut", "the end of a large object lost", "select lo_from_bytea(4711, 'xyz')",
         "select lo_from_bytea(4711, 'xy')", "1 large object has different contents"),
        ("renumbered", "large objects loaded under new oids", "select lo_from_bytea(4711, 'x')",
         "select lo_from_bytea(4712, 'x')", "the same contents are there under other oids"),
    ]
]  # fmt: skip
ROW_FAULTS = [*LARGE_OBJECTS, *LOST, *REPEATED, *STALE, *ORPHANED, LR_19, *DUAL]
