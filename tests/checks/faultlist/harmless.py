"""Changes on which every check must pass (controls), and faults that no check finds (blind)."""

from faultlist.model import Fault

HARMLESS, BLIND = "harmless", "blind"
THIS_DATABASE = "do $$ begin execute format('alter database %I set {}', current_database()); end $$"


def harmless(
    name: str, what: str, target: str = "", source: str = "", alone: bool = False
) -> Fault:
    return Fault(name, HARMLESS, what, target, source, alone=alone)


def blind(name: str, what: str, target: str = "", source: str = "") -> Fault:
    return Fault(name, BLIND, what, target, source)


CONTROLS = [
    harmless(
        "DAT-60",
        "blanks that a char(n) has anyway",
        "update core.typed set ch = 'ch15    ' where id = 15",
    ),
    harmless(
        "same-value",
        "every row written again as it was",
        "update core.kv set v = v; update core.typed set num = num, ta = ta",
    ),
    harmless(
        "delete-insert",
        "a row deleted and inserted again",
        "delete from core.kv where k = 'key-7'; insert into core.kv values ('key-7', 'v7')",
    ),
    harmless("vacuum-full", "a table rewritten", "vacuum full core.typed", alone=True),
    harmless("reindex", "indexes built anew", "reindex table sales.purchases", alone=True),
    harmless(
        "cluster",
        "rows in another order",
        "cluster core.customers using customers_email_key",
        alone=True,
    ),
    harmless("analyze", "statistics taken", "analyze", alone=True),
    harmless(
        "large-object-alike",
        "a large object with the same oid and contents on both sides",
        "select lo_from_bytea(4711, 'x')",
        "select lo_from_bytea(4711, 'x')",
    ),
    harmless(
        "SCH-42",
        "columns in another order, by whose names everything asks",
        'create table core.kv2 (v text, k text collate "C" constraint kv2_pkey '
        "primary key); insert into core.kv2 select v, k from core.kv;"
        "drop table core.kv; alter table core.kv2 rename to kv; alter index "
        "core.kv2_pkey rename to kv_pkey",
    ),
    harmless(
        "dropped-column",
        "a column added and dropped",
        "alter table core.kv add w int; alter table core.kv drop w",
    ),
    harmless(
        "partitioned-target",
        "a table partitioned on the way",
        "alter table core.kv rename to kv_old; create table core.kv (k text collate "
        '"C", v text) partition by hash (k);'
        "create table core.kv_0 partition of core.kv for values with (modulus 2, remainder 0);"
        "create table core.kv_1 partition of core.kv for values with (modulus 2, remainder 1);"
        "insert into core.kv select * from core.kv_old; drop table core.kv_old;"
        "alter table core.kv add constraint kv_pkey primary key (k)",
    ),
    harmless(
        "repartitioned",
        "other bounds of the partitions",
        "create table core.events_2025q3 partition of core.events for values from "
        "('2025-08-01+00') to ('2025-10-01+00')",
    ),
    harmless(
        "session-settings",
        "other defaults of the session on the target",
        "; ".join(
            THIS_DATABASE.format(s)
            for s in (
                "timezone = ''Asia/Tokyo''",
                "datestyle = ''SQL, DMY''",
                "intervalstyle = ''sql_standard''",
                "bytea_output = ''escape''",
                "extra_float_digits = -3",
                "search_path = ''core''",
            )
        ),
    ),
    harmless(
        "session-settings-source",
        "other defaults of the session on the source",
        source="; ".join(
            THIS_DATABASE.format(s)
            for s in ("timezone = ''America/St_Johns''", "datestyle = ''German''")
        ),
    ),
    harmless(
        "foreign-key-again",
        "a foreign key made again in other words",
        "alter table core.ledger drop constraint ledger_account_id_fkey, add "
        "constraint ledger_account_id_fkey"
        " foreign key (account_id) references core.accounts (id) match simple on "
        "update no action on delete set default",
    ),
    harmless(
        "index-again",
        "an index made again in other words",
        "drop index core.customers_active_uq; create unique index "
        "customers_active_uq on core.customers using btree"
        " (email asc nulls last, alias) where active = true and not (alias is "
        "null) is true".replace(
            "active = true and not (alias is null) is true", "active and alias is not null"
        ),
    ),
    harmless(
        "mover-tables",
        "the mover's own tables on both sides",
        "create schema app; create table app.awsdms_status (id int); create table "
        "core.awsdms_history (id int)",
        "create table app.awsdms_ddl_audit (id int)",
    ),
    harmless(
        "excluded-table",
        "a row in a table that is excluded",
        source="insert into outside.unrelated values (1, 'x')",
    ),
    harmless(
        "both-sides",
        "the same row written on both sides",
        "insert into core.kv values ('new', 'x')",
        "insert into app.kv values ('new', 'x')",
    ),
    harmless(
        "huge-on-both",
        "a value of 20 MB on both sides",
        "insert into core.kv values ('huge', repeat('0123456789', 2000000))",
        "insert into app.kv values ('huge', repeat('0123456789', 2000000))",
    ),
]
NOT_SEEN: list[Fault] = []
