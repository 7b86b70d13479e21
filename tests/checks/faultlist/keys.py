"""Missing, different or invalid indexes and foreign keys."""

from faultlist.model import FKS, FKS_EXTRA, INDEXES, INDEXES_EXTRA, TABLES, Fault, every, of

CUSTOMER = "sales.purchases.orders_customer_id_fkey"
PARENT = "sales.purchases.orders_parent_fk"
ITEM = "core.line_notes.line_notes_item_fk"


def index(name: str, what: str, object_name: str, target: str, *says: str) -> Fault:
    return Fault(name, "indexes", what, target, red=of(object_name, INDEXES), says=says)


def swapped(name: str, what: str, object_name: str, definition: str, *says: str) -> Fault:
    """Return statements that replace an index under its own name."""
    return index(name, what, object_name, f"drop index {object_name}; create {definition}", *says)


def key(name: str, what: str, object_name: str, target: str, *says: str) -> Fault:
    return Fault(name, "foreign keys", what, target, red=of(object_name, FKS), says=says)


def rebuilt(name: str, what: str, object_name: str, definition: str, *says: str) -> Fault:
    """Return statements that replace a foreign key under its own name."""
    table, _, constraint = object_name.rpartition(".")
    drop, add = f"drop constraint {constraint}", f"add constraint {constraint} {definition}"
    target = f"alter table {table} {drop}, {add}"
    return key(name, what, object_name, target, *says)


INDEX_FAULTS = [
    index(
        "index-missing",
        "an index is missing",
        "sales.orders_cover_idx",
        "drop index sales.orders_cover_idx",
        "is missing on the target",
    ),
    swapped(
        "SCH-05",
        "brin became btree",
        "core.customers_created_brin",
        "index customers_created_brin on core.customers (created_at)",
        "method",
    ),
    swapped(
        "SCH-07",
        "the pattern operator class is lost",
        "core.customers_nick_pattern",
        "index customers_nick_pattern on core.customers (alias desc nulls last)",
        "text_pattern_ops",
    ),
    swapped(
        "SCH-09",
        "a unique index is not unique",
        "sales.orders_ext_ref_uq",
        "index orders_ext_ref_uq on sales.purchases (external_ref) where external_ref is not null",
        "unique: expected, not found",
    ),
    swapped(
        "SCH-10",
        "DESC and INCLUDE are lost",
        "sales.orders_cover_idx",
        "index orders_cover_idx on sales.purchases (status, ordered_at)",
        "included: expected total, external_ref, not found",
        "ordered_at DESC",
    ),
    swapped(
        "desc-lost",
        "DESC alone is lost",
        "sales.orders_cover_idx",
        "index orders_cover_idx on sales.purchases (status, ordered_at) "
        "include (total, external_ref)",
        "ordered_at DESC",
    ),
    swapped(
        "nulls-first",
        "NULLS LAST became NULLS FIRST",
        "core.customers_nick_pattern",
        "index customers_nick_pattern on core.customers (alias text_pattern_ops desc nulls first)",
    ),
    swapped(
        "column-order",
        "columns in another order",
        "sales.orders_cover_idx",
        "index orders_cover_idx on sales.purchases (ordered_at desc, status) include "
        "(total, external_ref)",
    ),
    swapped(
        "predicate-lost",
        "a partial index is whole",
        "sales.orders_ext_ref_uq",
        "unique index orders_ext_ref_uq on sales.purchases (external_ref)",
        "predicate: expected",
    ),
    swapped(
        "predicate",
        "another predicate",
        "core.customers_active_uq",
        "unique index customers_active_uq on core.customers (email, alias) where active",
        "predicate: expected",
    ),
    swapped(
        "opclass",
        "another jsonb operator class",
        "sales.orders_meta_gin",
        "index orders_meta_gin on sales.purchases using gin (meta)",
    ),
    swapped(
        "expression",
        "another expression",
        "core.customers_name_lower_idx",
        "index customers_name_lower_idx on core.customers (upper(name), alias)",
    ),
    swapped(
        "wrong-column",
        "another column of the same type",
        "core.customers_name_lower_idx",
        "index customers_name_lower_idx on core.customers (lower(email), alias)",
    ),
    swapped(
        "index-collation",
        "another collation",
        "core.customers_name_lower_idx",
        'index customers_name_lower_idx on core.customers (lower(name) collate "C", alias)',
    ),
    index(
        "SCH-11",
        "an expression index is missing",
        "core.customers_name_lower_idx",
        "drop index core.customers_name_lower_idx",
    ),
    swapped(
        "SCH-13",
        "NULLS NOT DISTINCT",
        "core.customers_active_uq",
        "unique index customers_active_uq on core.customers (email, alias) nulls not distinct "
        "where active and alias is not null",
        "NULLS NOT DISTINCT",
    ),
    index(
        "primary-key-unique",
        "a primary key became a unique constraint",
        "core.booking_pkey",
        "alter table core.booking drop constraint booking_pkey;"
        "alter table core.booking add constraint booking_pkey unique (id)",
        "primary key core.booking.booking_pkey is missing on the target",
    ),
    index(
        "SCH-25",
        "an exclusion constraint is missing",
        "core.booking_during_excl",
        "alter table core.booking drop constraint booking_during_excl",
    ),
    index(
        "constraint-to-index",
        "a unique constraint is only an index",
        "core.ledger_idem_key",
        "alter table core.ledger drop constraint ledger_idem_key; create unique "
        "index ledger_idem_key on core.ledger (idem)",
        "constraint: expected ledger_idem_key, not found",
    ),
    index(
        "deferrable-unique",
        "a unique constraint is deferrable",
        "core.ledger_idem_key",
        "alter table core.ledger drop constraint ledger_idem_key, add constraint "
        "ledger_idem_key unique (idem) deferrable",
        "deferrable: found, not expected",
    ),
    index(
        "primary-key-lost",
        "the primary key is lost",
        "core.kv_pkey",
        "alter table core.kv drop constraint kv_pkey",
    ),
    index(
        "index-invalid",
        "an index is not valid",
        "core.ledger_idem_key",
        "update pg_index set indisvalid = false where indexrelid = "
        "'core.ledger_idem_key'::regclass",
        "is INVALID on the target",
    ),
    swapped(
        "SCH-107",
        "an index is not on every partition",
        "core.events_kind_idx",
        "index events_kind_idx on only core.events (kind)",
        "is INVALID on the target",
    ),
    index(
        "index-on-other-table",
        "an index of that name is on another table",
        "core.customers_nick_pattern",
        "drop index core.customers_nick_pattern; create index customers_nick_pattern "
        "on core.accounts (owner text_pattern_ops desc nulls last)",
        "table: expected core.customers, found core.accounts",
    ),
    Fault(
        "SCH-26",
        "indexes",
        "a constraint is renamed",
        "alter table core.customers rename constraint customers_email_key to uq_email",
        red=every(of("core.customers_email_key", INDEXES), of("core.customers", INDEXES_EXTRA)),
        says=("is called uq_email",),
    ),
    Fault(
        "index-renamed",
        "indexes",
        "an index is renamed",
        "alter index sales.orders_meta_gin rename to gin_meta",
        red=every(of("sales.orders_meta_gin", INDEXES), of("sales.purchases", INDEXES_EXTRA)),
        says=("is called gin_meta",),
    ),
    Fault(
        "index-extra",
        "indexes",
        "an index from nowhere",
        "create index ledger_at_idx on core.ledger (at)",
        red=of("core.ledger", INDEXES_EXTRA),
        says=("unexpected index core.ledger_at_idx on the target",),
    ),
    Fault(
        "index-extra-partitioned",
        "indexes",
        "an index of a partitioned table from nowhere",
        "create index events_at_idx on core.events (at)",
        red=of("core.events", INDEXES_EXTRA),
    ),
]
KEY_FAULTS = [
    key(
        "SCH-17",
        "a foreign key is missing",
        CUSTOMER,
        "alter table sales.purchases drop constraint orders_customer_id_fkey",
        "is missing on the target",
    ),
    Fault(
        "DMS-06",
        "foreign keys",
        "no foreign key was ever made",
        "do $$ declare r record; begin for r in select conrelid::regclass t, conname "
        "from pg_constraint where contype = 'f' and conparentid = 0"
        " loop execute format('alter table %s drop constraint %I', r.t, r.conname); "
        "end loop; end $$",
        red=every(
            *(
                of(name, FKS)
                for name in (
                    CUSTOMER,
                    PARENT,
                    ITEM,
                    "core.order_items.order_items_order_id_fkey",
                    "core.aliases.aliases_code_fkey",
                    "core.ledger.ledger_account_id_fkey",
                    "core.event_notes.event_notes_event_fk",
                )
            )
        ),
    ),
    key(
        "SCH-20",
        "a foreign key is not deferrable",
        PARENT,
        "alter table sales.purchases alter constraint orders_parent_fk not deferrable",
        "deferrable: expected, not found",
    ),
    key(
        "fk-deferred",
        "a foreign key is initially immediate",
        PARENT,
        "alter table sales.purchases alter constraint orders_parent_fk deferrable "
        "initially immediate",
        "deferred: expected, not found",
    ),
    rebuilt(
        "fk-on-delete",
        "another ON DELETE",
        CUSTOMER,
        "foreign key (customer_id) references core.customers on delete cascade",
        "on delete: expected restrict, found cascade",
    ),
    rebuilt(
        "fk-on-update",
        "ON UPDATE lost",
        "core.order_items.order_items_order_id_fkey",
        "foreign key (order_id) references sales.purchases on delete cascade",
        "on update: expected cascade, found no action",
    ),
    rebuilt(
        "fk-match",
        "MATCH FULL lost",
        ITEM,
        "foreign key (order_id, line) references core.order_items on delete set null",
        "match: expected full, found simple",
    ),
    rebuilt(
        "fk-set-columns",
        "ON DELETE sets one column only",
        ITEM,
        "foreign key (order_id, line) references core.order_items match full on "
        "delete set null (line)",
        "on delete columns: found line",
    ),
    rebuilt(
        "fk-column",
        "another column",
        PARENT,
        "foreign key (id) references sales.purchases deferrable initially deferred",
        "columns: expected parent_id, found id",
    ),
    Fault(
        "fk-parent",
        "foreign keys",
        "another parent",
        "create schema elsewhere; create table elsewhere.customers as select id from "
        "core.customers; alter table elsewhere.customers add primary key (id);"
        "alter table sales.purchases drop constraint orders_customer_id_fkey,"
        " add constraint orders_customer_id_fkey foreign key (customer_id) "
        "references elsewhere.customers on delete restrict",
        red=every(of(CUSTOMER, FKS), of("*", TABLES)),
        says=("referenced table: expected core.customers, found elsewhere.customers",),
    ),
    rebuilt(
        "fk-not-valid",
        "a foreign key is NOT VALID",
        CUSTOMER,
        "foreign key (customer_id) references core.customers on delete restrict not valid",
        "is NOT VALID on the target",
    ),
    key(
        "fk-triggers-child",
        "the child's triggers are switched off",
        "core.aliases.aliases_code_fkey",
        "alter table core.aliases disable trigger all",
        "not enforced on the target",
    ),
    key(
        "fk-triggers-parent",
        "the parent's triggers are switched off",
        "core.ledger.ledger_account_id_fkey",
        "do $$ declare t name; begin for t in select tgname from pg_trigger g join "
        "pg_constraint k on k.oid = g.tgconstraint"
        " where k.conname = 'ledger_account_id_fkey' and g.tgrelid = 'core.accounts'::regclass"
        " loop execute format('alter table core.accounts disable trigger %I', t); end loop; end $$",
        "not enforced",
    ),
    key(
        "fk-triggers-partition",
        "a partition's triggers are switched off",
        "core.event_notes.event_notes_event_fk",
        "alter table core.events_2025q1 disable trigger all",
        "not enforced",
    ),
    key(
        "fk-triggers-replica",
        "triggers that fire for replicas alone",
        "core.aliases.aliases_code_fkey",
        "do $$ declare t name; begin for t in select tgname from pg_trigger where "
        "tgrelid = 'core.aliases'::regclass"
        " loop execute format('alter table core.aliases enable replica trigger %I', "
        "t); end loop; end $$",
        "not enforced",
    ),
    Fault(
        "DMS-29",
        "foreign keys",
        "triggers off for every session to come",
        "do $$ begin execute format('alter database %I set session_replication_role = replica',"
        " current_database()); end $$",
        red=frozenset({"SCHEMA-TRIGGERS[*]"}),
        says=("session_replication_role is set for this database",),
    ),
    Fault(
        "fk-renamed",
        "foreign keys",
        "a foreign key is renamed",
        "alter table core.ledger rename constraint ledger_account_id_fkey to fk_account",
        red=every(of("core.ledger.ledger_account_id_fkey", FKS), of("core.ledger", FKS_EXTRA)),
        says=("is called fk_account",),
    ),
    Fault(
        "fk-extra",
        "foreign keys",
        "a foreign key from nowhere",
        "alter table core.order_items add constraint fk_more foreign key (order_id) "
        "references sales.purchases on delete cascade",
        red=of("core.order_items", FKS_EXTRA),
        says=("unexpected foreign key core.order_items.fk_more",),
    ),
]
ALL_KEY_FAULTS = [*INDEX_FAULTS, *KEY_FAULTS]
