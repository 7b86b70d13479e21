"""Changes of triggers, rules, policies, views and sequences, in the format of relations_changes."""

_TOUCH = "trigger app.customers.touch"


def _touch(words: str) -> str:
    return f"drop trigger touch on app.customers; create trigger touch {words} app.touch()"


TRIGGERS = [
    ("drop trigger touch on app.customers", f"-{_TOUCH}"),
    ("alter table app.customers disable trigger touch", f"{_TOUCH}: enabled"),
    ("alter table app.customers enable always trigger touch", f"{_TOUCH}: enabled"),
    ("alter table app.customers enable replica trigger touch", f"{_TOUCH}: enabled"),
    ("alter table app.orders enable trigger late", "trigger app.orders.late: enabled"),
    (
        _touch("before update on app.customers for each row execute function"),
        f"{_TOUCH}: definition",
    ),
    (
        _touch(
            "after update on app.customers for each row"
            " when (old.balance is distinct from new.balance) execute function"
        ),
        f"{_TOUCH}: definition",
    ),
    (
        _touch(
            "before update of balance on app.customers for each row"
            " when (old.balance is distinct from new.balance) execute function"
        ),
        f"{_TOUCH}: definition",
    ),
    (
        "create or replace trigger quiet after insert on app.customers"
        " referencing new table as added for each statement execute function app.quiet()",
        "trigger app.customers.quiet: definition",
    ),
    (
        "create or replace trigger quiet after insert on app.customers"
        " for each statement execute function app.quiet('x')",
        "trigger app.customers.quiet: definition",
    ),
    (
        "alter trigger touch on app.customers rename to touched",
        f"-{_TOUCH}",
        "+trigger app.customers.touched",
    ),
    (
        "alter table app.events_old disable trigger touch",
        "trigger app.events.touch: enabled_unlike_parent",
    ),
    (
        "alter table app.events_new_a1 enable trigger touch",
        "trigger app.events.touch: enabled_unlike_parent",
    ),
    (
        "alter table app.events disable trigger touch;"
        " alter table only app.events_new_a1 disable trigger touch",
        "trigger app.events.touch: enabled enabled_unlike_parent",
    ),
    ("drop trigger touch on app.events", "-trigger app.events.touch"),
    (
        "create trigger own after insert on app.events_old"
        " for each row execute function app.quiet()",
        "+trigger app.events_old.own",
    ),
    ("drop trigger instead on app.v_orders", "-trigger app.v_orders.instead"),
    ("alter table app.customers disable rule forget", "rule app.customers.forget: enabled"),
    (
        "create or replace rule forget as on delete to app.customers"
        " where old.id < 1 do instead nothing",
        "rule app.customers.forget: definition",
    ),
    ("drop rule forget on app.customers", "-rule app.customers.forget"),
]

POLICIES = [
    ("drop policy own on app.customers", "-policy app.customers.own"),
    ("alter policy own on app.customers using (true)", "policy app.customers.own: using"),
    ("alter policy own on app.customers to lab_rel_app", "policy app.customers.own: roles"),
    ("alter policy own on app.customers to public", "policy app.customers.own: roles"),
    ("alter policy own on app.customers to lab_rel_other, lab_rel_app",),
    (
        "alter policy writing on app.customers with check (balance < 1001)",
        "policy app.customers.writing: with_check",
    ),
    (
        "drop policy own on app.customers; create policy own on app.customers as restrictive"
        " for select to lab_rel_app, lab_rel_other using (id > 0)",
        "policy app.customers.own: permissive",
    ),
    (
        "drop policy own on app.customers; create policy own on app.customers"
        " to lab_rel_app, lab_rel_other using (id > 0)",
        "policy app.customers.own: command",
    ),
    (
        "create policy part on app.events_old using (true)",
        "+policy app.events_old.part",
    ),
]

VIEWS = [
    (
        "drop view app.v_orders",
        "-view app.v_orders",
        "-trigger app.v_orders.instead",
        "-column app.v_orders.email",
        "-column app.v_orders.id",
        "-column app.v_orders.total",
    ),
    (
        "create or replace view app.v_orders as select o.id, o.total, c.email"
        " from app.orders o left join app.customers c on c.id = o.customer_id",
        "view app.v_orders: query",
    ),
    ("alter view app.v_rich reset (security_barrier)", "view app.v_rich: options"),
    ("alter view app.v_rich set (check_option = local)", "view app.v_rich: options"),
    ("alter view app.v_rich reset (check_option)", "view app.v_rich: options"),
    ("alter view app.v_invoker set (security_invoker = false)", "view app.v_invoker: options"),
    (
        "alter table app.scratch rename to itched; create unlogged table app.scratch (id integer)",
        "view app.v_scratch: query",
        "+table app.itched",
        "+column app.itched.id",
    ),
    (
        "drop materialized view app.m_sales; create materialized view app.m_sales"
        " with (fillfactor = 60) as select customer_id, max(total) as total from app.orders"
        " group by 1; create unique index m_sales_key on app.m_sales (customer_id)",
        "materialized_view app.m_sales: query",
    ),
    (
        "update pg_class set relam = (select oid from pg_am where amname = 'other_heap')"
        " where oid = 'app.m_sales'::regclass",
        "materialized_view app.m_sales: access_method",
    ),
    ("refresh materialized view app.m_sales with no data",),
]

SEQUENCES = [
    ("alter sequence app.ticket as bigint", "sequence app.ticket: type"),
    ("alter sequence app.ticket start 16", "sequence app.ticket: start"),
    ("alter sequence app.ticket increment 6", "sequence app.ticket: increment"),
    ("alter sequence app.ticket minvalue 9", "sequence app.ticket: minimum"),
    ("alter sequence app.ticket maxvalue 901", "sequence app.ticket: maximum"),
    ("alter sequence app.ticket no cycle", "sequence app.ticket: cycle"),
    ("alter sequence app.ticket cache 4", "sequence app.ticket: cache"),
    ("alter sequence app.unlogged set logged", "sequence app.unlogged: persistence"),
    ("alter sequence app.ticket owned by app.orders.room", "sequence app.ticket: owned_by table"),
    (
        "alter sequence app.orders_id_seq owned by none",
        "sequence app.orders_id_seq: owned_by table",
    ),
    (
        "alter table app.orders alter id drop default; drop sequence app.orders_id_seq",
        "column app.orders.id: default",
        "-sequence app.orders_id_seq",
    ),
    (
        "alter table app.orders alter id set default nextval('app.ticket')",
        "column app.orders.id: default",
    ),
    (
        "alter table app.customers alter id set increment 11",
        "sequence app.customers_id_seq: increment",
    ),
    (
        "alter table app.orders alter id drop default; drop sequence app.orders_id_seq; alter table"
        " app.orders alter id add generated by default as identity"
        " (sequence name app.orders_id_seq)",
        "column app.orders.id: default identity",
        "sequence app.orders_id_seq: identity",
    ),
    ("create sequence app.another", "+sequence app.another"),
    ("select setval('app.ticket', 100); alter sequence app.ticket restart",),
]

NEWEST = [
    (
        "alter table app.newest validate constraint newest_w_null",
        "column app.newest.w: not_null_validated",
    ),
    (
        "alter table app.newest alter constraint newest_loose inherit",
        "column app.newest.loose: not_null_inherited",
    ),
    (
        "alter table app.newest alter w drop not null",
        "column app.newest.w: not_null not_null_validated",
    ),
    (
        "alter table app.newest drop constraint newest_w, add constraint newest_w check (w > 0)",
        "check app.newest.newest_w: definition enforced validated",
    ),
    (
        "alter table app.newest drop v, add v integer generated always as (id * 2) stored",
        "column app.newest.v: generated position",
        "column app.newest.w: position",
        "column app.newest.loose: position",
    ),
    (
        "alter table app.newest drop constraint newest_w;"
        " alter table app.newest alter v set expression as (id * 3)",
        "-check app.newest.newest_w",
        "column app.newest.v: generated",
    ),
    (
        "alter table app.newest_notes alter constraint newest_notes_fkey not enforced",
        "foreign_key app.newest_notes.newest_notes_fkey: definition enforced validated",
    ),
    (
        "alter table app.newest_notes drop constraint newest_notes_fkey; alter table app.newest"
        " drop constraint newest_key, add constraint newest_key exclude using gist"
        " (id with =, during with &&)",
        "-foreign_key app.newest_notes.newest_notes_fkey",
        "-primary_key app.newest.newest_key",
        "+exclusion app.newest.newest_key",
        "index app.newest_key: definition unique",
    ),
    (
        "alter table app.events_rest alter what set storage main",
        "partition app.events_rest: columns_tuned_unlike_parent",
    ),
]

REST = [*TRIGGERS, *POLICIES, *VIEWS, *SEQUENCES]
