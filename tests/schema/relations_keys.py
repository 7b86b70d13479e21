"""Changes of constraints and indexes, in the format of relations_changes."""


def _replaced(table: str, name: str, definition: str) -> str:
    return f"alter table {table} drop constraint {name}, add constraint {name} {definition}"


def _customer(more: str, what: str = "foreign key (customer_id) references app.customers") -> str:
    return _replaced("app.orders", "orders_customer_fkey", f"{what} {more}")


def _index(name: str, definition: str) -> str:
    return f"drop index app.{name}; create {definition}"


def _covering(
    columns: str = "born desc nulls last, name text_pattern_ops",
    include: str = "note",
    where: str = "balance > 0",
) -> str:
    return _index(
        "customers_covering",
        f"index customers_covering on app.customers ({columns}) include ({include})"
        f" with (fillfactor = 70, deduplicate_items = off) where {where}",
    )


# as `disable trigger all` does, but only for the triggers of deferrable keys
_UNCHECKED = (
    "update pg_trigger set tgenabled = 'D'"
    " where tgconstrindid > 0 and tgconstrrelid = 0 and tgrelid ="
)
_KEY = "foreign_key app.orders.orders_customer_fkey"
_COVERING = "index app.customers_covering"
CONSTRAINTS = [
    (
        "alter table app.orders drop constraint orders_total_check",
        "-check app.orders.orders_total_check",
    ),
    (
        _replaced("app.orders", "orders_total_check", "check (total > -1)"),
        "check app.orders.orders_total_check: definition expression",
    ),
    (
        _replaced("app.orders", "orders_total_check", "check (room > 0)"),
        "check app.orders.orders_total_check: columns definition expression",
    ),
    (
        _replaced("app.orders", "orders_total_check", "check (total > 0) not valid"),
        "check app.orders.orders_total_check: validated",
    ),
    (
        _replaced("app.orders", "orders_total_check", "check (total > 0) no inherit"),
        "check app.orders.orders_total_check: definition no_inherit",
    ),
    (
        "alter table app.customers validate constraint customers_name_check",
        "check app.customers.customers_name_check: validated",
    ),
    (
        "alter table app.orders rename constraint orders_total_check to positive",
        "-check app.orders.orders_total_check",
        "+check app.orders.positive",
    ),
    ("alter table app.animals drop constraint fed", "-check app.animals.fed"),
    (
        "alter table app.animals add constraint more check (id < 9)",
        "+check app.animals.more",
    ),
    ("alter table app.dogs add constraint tall check (id < 9)", "+check app.dogs.tall"),
    ("alter table app.events drop constraint weighty", "-check app.events.weighty"),
    (
        "alter table app.customers drop constraint customers_email_key",
        "-unique app.customers.customers_email_key",
        "-index app.customers_email_key",
    ),
    (
        _replaced("app.customers", "customers_email_key", "unique (email, id)"),
        "unique app.customers.customers_email_key: columns definition",
        "index app.customers_email_key: columns definition",
    ),
    (
        _replaced("app.customers", "customers_email_key", "unique (email) include (id)"),
        "unique app.customers.customers_email_key: definition",
        "index app.customers_email_key: definition included",
    ),
    (
        _replaced("app.customers", "customers_email_key", "unique (email) deferrable"),
        "unique app.customers.customers_email_key: deferrable definition",
    ),
    (
        _replaced("app.customers", "customers_name_key", "unique (name) deferrable"),
        "unique app.customers.customers_name_key: deferred definition",
    ),
    (
        f"{_UNCHECKED} 'app.customers'::regclass",
        "unique app.customers.customers_name_key: firing",
    ),
    (
        "alter table app.customers rename constraint customers_email_key to uq_email",
        "-unique app.customers.customers_email_key",
        "+unique app.customers.uq_email",
        "-index app.customers_email_key",
        "+index app.uq_email",
    ),
    (
        _replaced("app.modern", "modern_key", "unique (a)"),
        "unique app.modern.modern_key: definition",
        "index app.modern_key: definition nulls_not_distinct",
    ),
    (
        "alter table app.settings drop constraint settings_pkey",
        "-primary_key app.settings.settings_pkey",
        "-index app.settings_pkey",
    ),
    (
        "alter table app.orders drop constraint orders_pkey cascade,"
        " add constraint orders_pkey primary key (id, customer_id)",
        "primary_key app.orders.orders_pkey: columns definition",
        "index app.orders_pkey: columns definition",
        "-foreign_key app.orders.orders_parent_fkey",
    ),
    (
        "alter table app.paired drop constraint paired_pkey cascade;"
        " alter table app.paired add constraint paired_pkey primary key (b, a)",
        "primary_key app.paired.paired_pkey: columns definition",
        "index app.paired_pkey: columns definition",
        "-foreign_key app.deleted.deleted_fkey",
    ),
    (
        _replaced("app.orders", "orders_room_excl", "exclude using gist (during with &&)"),
        "exclusion app.orders.orders_room_excl: definition",
        "index app.orders_room_excl: definition predicate",
    ),
    (
        _replaced(
            "app.orders",
            "orders_room_excl",
            "exclude using gist (during with -|-) where (room > 0)",
        ),
        "exclusion app.orders.orders_room_excl: definition",
    ),
    (
        _replaced(
            "app.orders",
            "orders_room_excl",
            "exclude using gist ((during * during) with &&) where (room > 0)",
        ),
        "exclusion app.orders.orders_room_excl: columns definition",
        "index app.orders_room_excl: columns definition",
    ),
    (
        _replaced(
            "app.orders",
            "orders_room_excl",
            "exclude using gist (during with &&) where (room > 0) initially deferred",
        )
        + f"; {_UNCHECKED} 'app.orders'::regclass",
        "exclusion app.orders.orders_room_excl: deferrable deferred definition firing",
    ),
    (
        _replaced("app.settings", "settings_pkey", "primary key (key) initially deferred")
        + f"; {_UNCHECKED} 'app.settings'::regclass",
        "primary_key app.settings.settings_pkey: deferrable deferred definition firing",
    ),
    (
        "alter table app.customers drop constraint customers_email_key;"
        " create unique index customers_email_key on app.customers (email)",
        "-unique app.customers.customers_email_key",
        "index app.customers_email_key: constraint",
    ),
    (
        "alter table app.orders drop constraint orders_room_excl",
        "-exclusion app.orders.orders_room_excl",
        "-index app.orders_room_excl",
    ),
]

FOREIGN_KEYS = [
    ("alter table app.orders drop constraint orders_customer_fkey", f"-{_KEY}"),
    (
        _customer("on delete set null deferrable"),
        f"{_KEY}: definition on_update",
    ),
    (
        _customer("on update cascade on delete cascade deferrable"),
        f"{_KEY}: definition on_delete",
    ),
    (
        _customer("on update cascade on delete set null"),
        f"{_KEY}: deferrable definition",
    ),
    (
        "alter table app.orders alter constraint orders_customer_fkey initially deferred",
        f"{_KEY}: deferred definition",
    ),
    (
        _customer("on update cascade on delete set null deferrable not valid"),
        f"{_KEY}: validated",
    ),
    (
        _customer("match full on update cascade on delete set null deferrable"),
        f"{_KEY}: definition match",
    ),
    (
        _customer(
            "on update cascade on delete set null deferrable",
            "foreign key (parent_id) references app.customers",
        ),
        f"{_KEY}: columns definition",
    ),
    (
        _customer(
            "on update cascade on delete set null deferrable",
            "foreign key (customer_id) references app.orders",
        ),
        f"{_KEY}: definition referenced_table",
    ),
    (
        "alter table app.customers add other_id bigint unique; "
        + _customer(
            "on update cascade on delete set null deferrable",
            "foreign key (customer_id) references app.customers (other_id)",
        ),
        f"{_KEY}: definition referenced_columns",
        "+column app.customers.other_id",
        "+unique app.customers.customers_other_id_key",
        "+index app.customers_other_id_key",
    ),
    (
        _replaced(
            "app.deleted",
            "deleted_fkey",
            "foreign key (a, b) references app.paired on delete set null (a)",
        ),
        "foreign_key app.deleted.deleted_fkey: definition on_delete_columns",
    ),
    (
        "alter table app.orders validate constraint orders_parent_fkey",
        "foreign_key app.orders.orders_parent_fkey: validated",
    ),
    (
        "update pg_trigger set tgenabled = 'D' where tgisinternal"
        " and tgrelid = 'app.event_notes'::regclass",
        "foreign_key app.event_notes.event_notes_id_at_what_fkey: firing",
    ),
    (
        "update pg_trigger set tgenabled = 'R' where tgisinternal and tgrelid ="
        " 'app.events_new_a1'::regclass and tgconstraint in (select oid from pg_constraint"
        " where confrelid = 'app.kept'::regclass)",
        "foreign_key app.events.events_weight_fkey: firing",
    ),
    (
        "alter table app.events_new_b add foreign key (weight) references app.kept (id)",
        "+foreign_key app.events_new_b.events_new_b_weight_fkey",
    ),
]

INDEXES = [
    ("drop index app.orders_customer", "-index app.orders_customer"),
    (
        "alter index app.orders_customer rename to by_customer",
        "-index app.orders_customer",
        "+index app.by_customer",
    ),
    (
        _index("orders_customer", "index orders_customer on app.orders using hash (customer_id)"),
        "index app.orders_customer: definition method",
    ),
    (
        _index("orders_customer", "unique index orders_customer on app.orders (customer_id)"),
        "index app.orders_customer: definition unique",
    ),
    (
        _index("orders_customer", "index orders_customer on app.orders (customer_id, room)"),
        "index app.orders_customer: columns definition",
    ),
    (
        _index("orders_customer", "index orders_customer on app.orders (customer_id desc)"),
        "index app.orders_customer: definition",
    ),
    (
        _index("modern_b", "unique index modern_b on app.modern (b)"),
        "index app.modern_b: definition nulls_not_distinct",
    ),
    (
        _covering("born nulls last, name text_pattern_ops"),
        f"{_COVERING}: definition",
    ),
    (_covering("born desc nulls last, name"), f"{_COVERING}: definition"),
    (_covering(include="email"), f"{_COVERING}: definition included"),
    (_covering(where="balance > 1"), f"{_COVERING}: definition predicate"),
    (
        _index("customers_collated", "index customers_collated on app.customers (name)"),
        "index app.customers_collated: definition",
    ),
    (
        _index(
            "customers_lower_email",
            "unique index customers_lower_email on app.customers (upper(email))",
        ),
        "index app.customers_lower_email: columns definition",
    ),
    (
        "alter index app.orders_sum alter column 1 set statistics 301",
        "index app.orders_sum: statistics_targets",
    ),
    ("cluster app.orders using orders_pkey", "index app.orders_pkey: clustered"),
    ("alter table app.kept set without cluster", "index app.kept_id_key: clustered"),
    (
        "update pg_index set indisvalid = false where indexrelid = 'app.orders_sum'::regclass",
        "index app.orders_sum: usable",
    ),
    (
        "create index rest_what on app.events_rest (what); create index a0 on app.events_new_a0"
        " (what); create index a1 on app.events_new_a1 (what)",
        "+index app.rest_what",
        "+index app.a0",
        "+index app.a1",
    ),
    (
        "drop index app.events_weight; create index events_weight on only app.events (weight)",
        "index app.events_weight: usable",
    ),
    (
        "update pg_index set indisvalid = false where indexrelid ="
        " 'app.events_new_a1_weight_idx'::regclass",
        "index app.events_weight: usable",
    ),
    ("drop index app.m_sales_key", "-index app.m_sales_key"),
]

KEYS = [*CONSTRAINTS, *FOREIGN_KEYS, *INDEXES]
