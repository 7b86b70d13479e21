"""Single changes of relations, and the one object and property that must differ.

`kind name: property` is a changed property, `+kind name` an added object and `-kind name` a dropped
one. The changes run on PostgreSQL 17, those of NEWEST on 18.
"""

from schema.relations_keys import KEYS
from schema.relations_rest import NEWEST, REST

__all__ = ["CHANGES", "NEWEST"]

TABLES = [
    ("alter table app.settings set unlogged", "table app.settings: persistence"),
    ("alter table app.scratch set logged", "table app.scratch: persistence"),
    ("alter table app.orders enable row level security", "table app.orders: row_security"),
    ("alter table app.customers disable row level security", "table app.customers: row_security"),
    (
        "alter table app.customers force row level security",
        "table app.customers: row_security_forced",
    ),
    ("alter table app.orders replica identity full", "table app.orders: replica_identity"),
    ("alter table app.orders replica identity nothing", "table app.orders: replica_identity"),
    (
        "alter table app.orders replica identity using index orders_identity",
        "table app.orders: replica_identity",
        "index app.orders_identity: replica_identity",
    ),
    (
        "alter table app.kept replica identity default",
        "table app.kept: replica_identity",
        "index app.kept_id_key: replica_identity",
    ),
    ("alter table app.typed not of", "table app.typed: of_type"),
    (
        "update pg_class set relam = (select oid from pg_am where amname = 'other_heap')"
        " where oid = 'app.settings'::regclass",
        "table app.settings: access_method",
    ),
    (
        "alter table app.dogs no inherit app.animals; alter table app.dogs inherit app.animals",
        "table app.dogs: inherits",
        "column app.dogs.id: inherited",
        "+check app.dogs.fed",
    ),
    (
        "drop table app.readings; create table app.readings (id integer, at date)"
        " partition by range (id)",
        "table app.readings: partition_key",
        "-partition app.readings_25",
        "-partition app.readings_away",
        "-foreign_table app.readings_away",
    ),
    ("create table app.fresh (a text)", "+table app.fresh", "+column app.fresh.a"),
    ("drop table app.nothing", "-table app.nothing"),
    (
        "alter table app.nothing rename to something",
        "-table app.nothing",
        "+table app.something",
    ),
    (
        "alter table app.nothing set schema other",
        "-table app.nothing",
        "+table other.nothing",
    ),
    ("comment on table app.orders is 'of no interest here'",),
    ("alter table app.orders owner to lab_rel_app; grant select on app.orders to public",),
    ("insert into app.kept values (1), (2); analyze app.kept",),
    ("select nextval('app.ticket')",),
    (
        "alter foreign table app.away options (set table_name 'elsewhere')",
        "foreign_table app.away: options",
    ),
    (
        "alter foreign table app.away options (drop schema_name)",
        "foreign_table app.away: options",
    ),
    (
        "create server other_server foreign data wrapper relations_wrapper;"
        " drop foreign table app.away; create foreign table app.away"
        " (id integer options (column_name 'nr') not null, name text)"
        " server other_server options (table_name 'remote', schema_name 'far')",
        "foreign_table app.away: server",
    ),
    (
        "alter foreign table app.away inherit pgcutover.names",
        "foreign_table app.away: inherits",
    ),
    (
        "alter foreign table app.away alter id options (set column_name 'no')",
        "column app.away.id: foreign_options",
    ),
]

COLUMNS = [
    ("alter table app.dropped alter a type bigint", "column app.dropped.a: type"),
    (
        'alter table app.customers alter name type varchar(41) collate "C"',
        "column app.customers.name: type",
    ),
    ("alter table app.dropped alter d type numeric(9, 2)", "column app.dropped.d: type"),
    (
        'alter table app.dropped alter c type text collate "POSIX"',
        "column app.dropped.c: collation",
    ),
    ("alter table app.dropped alter c set not null", "column app.dropped.c: not_null"),
    ("alter table app.customers alter email drop not null", "column app.customers.email: not_null"),
    ("alter table app.customers alter note drop default", "column app.customers.note: default"),
    (
        "alter table app.customers alter kind set default 'b'",
        "column app.customers.kind: default",
    ),
    (
        "alter table app.orders alter total set default 1.5",
        "column app.orders.total: default",
    ),
    (
        "alter table app.customers alter doubled set expression as (balance * 3)",
        "column app.customers.doubled: generated",
    ),
    (
        "alter table app.customers alter doubled drop expression",
        "column app.customers.doubled: generated",
    ),
    (
        "alter table app.customers alter id set generated always",
        "column app.customers.id: identity",
    ),
    (
        "alter table app.customers alter id drop identity",
        "column app.customers.id: identity",
        "-sequence app.customers_id_seq",
    ),
    ("alter table app.dropped alter c set storage plain", "column app.dropped.c: storage"),
    (
        "alter table app.customers alter note set storage extended",
        "column app.customers.note: storage",
    ),
    ("alter table app.dropped alter c set compression pglz", "column app.dropped.c: compression"),
    (
        "alter table app.packed alter note set compression default",
        "column app.packed.note: compression",
    ),
    ("alter table app.dropped alter c set statistics 0", "column app.dropped.c: statistics_target"),
    (
        "alter table app.customers alter tags set statistics -1",
        "column app.customers.tags: statistics_target",
    ),
    ("alter table app.dropped alter c set (n_distinct = -0.5)", "column app.dropped.c: options"),
    ("alter table app.dropped add e integer", "+column app.dropped.e"),
    ("alter table app.dropped drop d", "-column app.dropped.d"),
    (
        "alter table app.dropped drop a",
        "-column app.dropped.a",
        "column app.dropped.c: position",
        "column app.dropped.d: position",
    ),
    (
        "alter table app.dropped rename d to e",
        "-column app.dropped.d",
        "+column app.dropped.e",
    ),
    (
        "alter table app.animals alter name set default 'y'",
        "column app.animals.name: default",
        "column app.dogs.name: default",
    ),
    ("alter table app.dogs alter name set default 'y'", "column app.dogs.name: default"),
    (
        "alter table app.events alter weight type bigint",
        "column app.events.weight: type",
    ),
    ("alter view app.v_rich alter balance drop default", "column app.v_rich.balance: default"),
    (
        "alter materialized view app.m_sales alter total set statistics 7",
        "column app.m_sales.total: statistics_target",
    ),
    (
        "alter view app.v_count rename n to nth",
        "-column app.v_count.n",
        "+column app.v_count.nth",
        "view app.v_count: query",
    ),
    (
        "alter table app.customers alter born type timestamptz(0)",
        "column app.customers.born: type",
    ),
]

STORAGE = [
    ("alter table app.settings set (fillfactor = 81)", "storage app.settings: options"),
    (
        "alter table app.settings reset (fillfactor, autovacuum_enabled)",
        "storage app.settings: options",
    ),
    (
        "alter table app.settings set (toast.autovacuum_enabled = on)",
        "storage app.settings: toast_options",
    ),
    (
        "update pg_class set reltablespace = (select oid from pg_tablespace where spcname ="
        " 'pg_global') where oid = 'app.settings'::regclass",
        "storage app.settings: tablespace",
    ),
    ("alter table app.kept set (fillfactor = 50)", "+storage app.kept"),
    (
        "alter index app.customers_covering set (fillfactor = 71)",
        "storage app.customers_covering: options",
    ),
    (
        """alter index "o'dd ""na.me"." ON ONLY i" set (fillfactor = 51)""",
        """storage "o'dd ""na.me"." ON ONLY i": options""",
    ),
    ("alter index app.customers_tags reset (fastupdate)", "-storage app.customers_tags"),
    ("alter index app.customers_pkey set (fillfactor = 44)", "+storage app.customers_pkey"),
    ("alter materialized view app.m_sales set (fillfactor = 61)", "storage app.m_sales: options"),
    ("alter table app.events_old set (fillfactor = 61)", "+storage app.events_old"),
    (
        "alter statistics app.customers_stats set statistics 9",
        "statistics app.customers_stats: target",
    ),
    (
        "drop statistics app.customers_stats;"
        " create statistics app.customers_stats (ndistinct) on name, born from app.customers",
        "statistics app.customers_stats: definition",
    ),
    ("drop statistics app.orders_stats", "-statistics app.orders_stats"),
]

PARTITIONS = [
    (
        "alter table app.events detach partition app.events_old",
        "-partition app.events_old",
        "+table app.events_old",
        "+primary_key app.events_old.events_old_pkey",
        "+foreign_key app.events_old.events_weight_fkey",
        "+check app.events_old.weighty",
        "+index app.events_old_pkey",
        "+index app.events_old_weight_idx",
        "+column app.events_old.at",
        "+column app.events_old.id",
        "+column app.events_old.weight",
        "+column app.events_old.what",
    ),
    ("drop table app.readings_25", "-partition app.readings_25"),
    (
        "create table app.events_27 partition of app.events"
        " for values from ('2027-01-01+00') to ('2028-01-01+00')",
        "+partition app.events_27",
    ),
    (
        "alter table app.readings detach partition app.readings_away; alter table app.readings"
        " attach partition app.readings_away for values from ('2024-01-01') to ('2024-12-31')",
        "partition app.readings_away: bound",
    ),
    ("alter table app.readings_25 set unlogged", "partition app.readings_25: persistence"),
    (
        "alter table app.events_rest enable row level security",
        "partition app.events_rest: row_security",
    ),
    (
        "alter table app.events_rest force row level security",
        "partition app.events_rest: row_security_forced",
    ),
    (
        "alter table app.events_rest replica identity full",
        "partition app.events_rest: replica_identity",
    ),
    (
        "update pg_class set relam = (select oid from pg_am where amname = 'other_heap')"
        " where oid = 'app.events_rest'::regclass",
        "partition app.events_rest: access_method",
    ),
    (
        "alter table app.events_rest alter what set default 'rest'",
        "partition app.events_rest: columns_unlike_parent",
    ),
    (
        "alter table app.events_rest alter what drop default",
        "partition app.events_rest: columns_unlike_parent",
    ),
    (
        "alter table app.events_rest alter weight set not null",
        "partition app.events_rest: columns_unlike_parent",
    ),
    (
        "update pg_inherits set inhdetachpending = true where inhrelid = 'app.events_rest'::regclass",
        "partition app.events_rest: detaching",
    ),
    (
        "alter table app.events_rest alter what set storage external",
        "partition app.events_rest: columns_tuned_unlike_parent",
    ),
    (
        "alter table app.events_rest alter what set compression pglz",
        "partition app.events_rest: columns_tuned_unlike_parent",
    ),
    (
        "alter table app.events_rest alter what set statistics 3",
        "partition app.events_rest: columns_tuned_unlike_parent",
    ),
    (
        "alter table app.events_rest alter what set (n_distinct = 3)",
        "partition app.events_rest: columns_tuned_unlike_parent",
    ),
    (
        "drop table app.readings_25; create table app.readings_25 partition of app.readings"
        " default partition by list (id)",
        "partition app.readings_25: access_method bound partition_key",
    ),
    (
        "alter foreign table app.readings_away options (set table_name 'f')",
        "foreign_table app.readings_away: options",
    ),
    (
        "drop foreign table app.readings_away; create table app.readings_away"
        " partition of app.readings for values from ('2024-01-01') to ('2025-01-01')",
        "partition app.readings_away: access_method kind replica_identity",
        "-foreign_table app.readings_away",
    ),
    ("create index on app.events_rest (weight, what)", "+index app.events_rest_weight_what_idx"),
    (
        "alter table app.events_new_b add constraint alone check (weight < 5)",
        "+check app.events_new_b.alone",
    ),
]

CHANGES = [*TABLES, *COLUMNS, *STORAGE, *PARTITIONS, *KEYS, *REST]
