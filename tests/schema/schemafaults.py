"""Faults of a target's schema, and exactly the checks that must fail with each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """`id` is that of the known fault if there is one; without `red` the fault only warns."""

    id: str
    what: str
    sql: str
    red: frozenset[str]
    says: str = ""


def fault(name: str, what: str, sql: str, *red: str, says: str = "") -> SchemaFault:
    """Return a SchemaFault; the checks' common prefix is added."""
    return SchemaFault(name, what, sql, frozenset(f"SCHEMA-{r}" for r in red), says)


# fmt: off
TABLES = [
    fault("SCH-30", "a default frozen when the DDL ran", "alter table app.orders alter placed_at set default '2025-06-01 00:00:00+00'", "DEFAULTS", says="now()"),
    fault("DMS-16", "a default is missing", "alter table app.customers alter active drop default", "DEFAULTS"),
    fault("default-extra", "a default that the source has not", "alter table app.kv alter v set default ''", "DEFAULTS"),
    fault("default-cast", "a default of the same text and another type", "alter table app.small alter label set default 'new '", "DEFAULTS"),
    fault("SCH-51", "a sequence is missing", "alter table app.small alter id drop default; drop sequence app.small_id_seq", "DEFAULTS", "SEQUENCES"),
    fault("SCH-52", "a column draws from another's sequence", "alter table app.small alter id set default nextval('app.ticket_no')", "DEFAULTS"),
    fault("SCH-42", "columns in another order", "alter table app.ledger drop column idem; alter table app.ledger add idem text constraint ledger_idem_key unique"),
    fault("SCH-43", "statistics target and storage of a column", "alter table app.kv alter v set storage extended; alter table app.ledger alter cents set statistics -1"),
    fault("compression", "compression of a column", "alter table app.kv alter v set compression pglz"),
    fault("SCH-110", "a table became UNLOGGED", "alter table app.kv set unlogged", "COLUMNS"),
    fault("logged", "an UNLOGGED table became permanent", "alter table app.session_cache set logged", "COLUMNS"),
    fault("SCH-118", "a stale copy of a table in another schema", "create table public.kv as table app.kv", "TABLES"),
    fault("META-11", "a table that is unexpected", "create table app.extra (id int)", "TABLES"),
    fault("table-missing", "a table is missing, with all that it held", "drop table app.nothing_yet", "COLUMNS", "INDEXES"),
    fault("SCH-109", "an inheritance link is lost", "alter table app.dogs no inherit app.animals", "COLUMNS"),
    fault("rls-off", "row-level security is off", "alter table app.customers disable row level security", "TABLE-PROPERTIES"),
    fault("rls-not-forced", "row-level security spares the owner", "alter table app.customers no force row level security", "TABLE-PROPERTIES"),
    fault("rls-on", "row-level security is on where the source has none", "alter table app.kv enable row level security", "TABLE-PROPERTIES"),
    fault("SCH-128", "replica identity is lost", "alter table app.line_notes replica identity default"),
    fault("replica-nothing", "a table without replica identity", "alter table app.kv replica identity nothing", "TABLE-PROPERTIES"),
    fault("SCH-112", "storage parameters of a table", "alter table app.ledger reset (fillfactor, autovacuum_enabled)"),
    fault("fillfactor-index", "storage parameters of an index", "alter index app.customers_pkey set (fillfactor = 60)"),
    fault("statistics", "extended statistics are missing", "drop statistics app.orders_stats", "TABLE-PROPERTIES"),
    fault("statistics-kind", "extended statistics of another kind", "drop statistics app.orders_stats; create statistics app.orders_stats (ndistinct) on status, customer_id from app.orders", "TABLE-PROPERTIES"),
    fault("foreign-table", "a foreign table is missing", "drop foreign table app.far", "TABLE-PROPERTIES"),
    fault("foreign-server", "a foreign table leads elsewhere", "create server there foreign data wrapper nothing; drop foreign table app.far; create foreign table app.far (id int, v text) server there", "EXTENSIONS", "TABLE-PROPERTIES"),
]
CONSTRAINTS = [
    fault("SCH-23", "a CHECK with another expression", "alter table app.accounts drop constraint accounts_cents_check; alter table app.accounts add constraint accounts_cents_check check (cents > -1)", "CHECKS"),
    fault("check-missing", "a CHECK is missing", "alter table app.accounts drop constraint accounts_cents_check", "CHECKS"),
    fault("check-extra", "a CHECK that refuses rows which the source accepts", "alter table app.orders add constraint low check (total < 100000)", "CHECKS"),
    fault("check-not-valid", "a CHECK that was never validated", "alter table app.accounts drop constraint accounts_cents_check; alter table app.accounts add constraint accounts_cents_check check (cents >= 0) not valid", "CHECKS"),
    fault("check-inherited", "a CHECK that children inherit now", "alter table app.ledger drop constraint ledger_note_check; alter table app.ledger add constraint ledger_note_check check (cents > -1)", "CHECKS"),
    fault("check-renamed", "a CHECK under another name", "alter table app.accounts rename constraint accounts_cents_check to cents_ok", "CHECKS"),
    fault("SCH-25", "an exclusion constraint is missing", "alter table app.booking drop constraint booking_during_excl", "CHECKS", "INDEXES"),
    fault("exclusion-operator", "an exclusion constraint of another operator", "alter table app.booking drop constraint booking_during_excl; alter table app.booking add constraint booking_during_excl exclude using gist (during with -|-) where (id > 1000)", "CHECKS", "INDEXES"),
    fault("SCH-16", "a primary key became a mere unique index", "alter table app.kv drop constraint kv_pkey; create unique index kv_pkey on app.kv (k)", "INDEXES", "KEYS"),
    fault("SCH-26", "a unique constraint under another name", "alter table app.customers rename constraint customers_email_key to uq_email", "INDEXES", "INDEXES-EXTRA", "KEYS"),
    fault("SCH-13", "NULLS NOT DISTINCT", "alter table app.session_cache add unique nulls not distinct (v)", "INDEXES-EXTRA", "KEYS"),
    fault("key-deferrable", "a unique constraint became deferrable", "alter table app.customers drop constraint customers_email_key; alter table app.customers add constraint customers_email_key unique (email) deferrable", "INDEXES", "KEYS"),
    fault("key-columns", "a primary key of other columns", "alter table app.aliases drop constraint aliases_pkey; alter table app.aliases add primary key (alias, code)", "COLUMNS", "INDEXES", "KEYS"),
]
SEQUENCES = [
    fault("SCH-48", "a sequence with another increment and no cycle", "alter sequence app.invoice_no increment 1 no cycle", "SEQUENCES"),
    fault("sequence-max", "a sequence ends earlier", "alter sequence app.invoice_no maxvalue 99999", "SEQUENCES"),
    fault("sequence-type", "a sequence of a smaller type", "alter sequence app.ticket_no as int", "SEQUENCES"),
    fault("sequence-cache", "a sequence that caches", "alter sequence app.ticket_no cache 50", "SEQUENCES"),
    fault("sequence-owner", "a sequence that no column owns", "alter sequence app.small_id_seq owned by none", "SEQUENCES"),
    fault("SCH-47-missing", "a standalone sequence is missing", "drop sequence app.invoice_no", "SEQUENCES"),
    fault("identity-start", "an identity that starts elsewhere", "alter table app.small alter n set start 1", "SEQUENCES"),
    fault("sequence-unlogged", "a sequence became UNLOGGED", "alter sequence app.ticket_no set unlogged", "SEQUENCES"),
]
TYPES = [
    fault("SCH-81", "a composite type with one attribute more", "alter type lib.address add attribute country text", "TYPES"),
    fault("SCH-80", "a domain without its constraint", "alter domain lib.positive drop constraint positive_check", "TYPES"),
    fault("domain-default", "a domain with a default", "alter domain lib.positive set default 1", "TYPES"),
    fault("domain-not-null", "a domain that refuses NULL", "create table app.t2 (); drop table app.t2; alter table app.typed drop column dom; alter domain lib.positive set not null", "COLUMNS", "TYPES"),
    fault("enum-extra", "an enum with one label more", "alter type lib.order_status add value 'lost'", "TYPES"),
    fault("enum-order", "an enum with a label elsewhere", "alter type lib.order_status add value 'early' before 'new'", "TYPES"),
    fault("enum-label", "an enum with another label", "alter type lib.order_status rename value 'sent' to 'shipped'", "TYPES"),
    fault("enum-missing", "an enum is missing", "drop type lib.order_status cascade", "COLUMNS", "INDEXES", "TABLE-PROPERTIES", "TYPES"),
    fault("range-missing", "a range type is missing", "drop type lib.span", "TYPES"),
    fault("type-extra", "a type that is unexpected", "create type app.mood as enum ('ok')", "TYPES"),
]
VIEWS = [
    fault("SCH-66", "a view is missing", "drop view app.v_orders", "VIEWS"),
    fault("SCH-67", "a view with another query", "create or replace view app.v_orders with (security_barrier) as select o.id, c.email, o.total from app.orders o left join app.customers c on c.id = o.customer_id", "VIEWS"),
    fault("SCH-68", "options of a view are lost", "alter view app.v_active reset (check_option)", "VIEWS"),
    fault("security-barrier", "a view without its security barrier", "alter view app.v_orders reset (security_barrier)", "VIEWS"),
    fault("security-invoker", "a view that runs with the privileges of its caller", "alter view app.v_orders set (security_invoker = true)", "VIEWS"),
    fault("SCH-70", "a view follows the table that was renamed away", "alter table app.customers rename to customers_old; create table app.customers (like app.customers_old including all)", "FKS", "GRANTS", "INDEXES", "INDEXES-EXTRA", "KEYS", "POLICIES", "PUBLICATIONS", "SEQUENCES", "TABLE-PROPERTIES", "TABLE-TRIGGERS", "TABLES", "VIEWS"),
    fault("matview-missing", "a materialized view is missing", "drop materialized view app.mv_sales", "VIEWS"),
    fault("matview-query", "a materialized view with another query", "drop materialized view app.mv_sales; create materialized view app.mv_sales as select customer_id, max(total) as total from app.orders group by 1; create unique index mv_sales_uq on app.mv_sales (customer_id)", "VIEWS"),
    fault("view-extra", "a view that is unexpected", "create view app.v_new as select 1 as one", "VIEWS"),
    fault("rule-missing", "a rule is missing", "drop rule kv_keep on app.kv", "VIEWS"),
    fault("rule-disabled", "a rule is disabled", "alter table app.kv disable rule kv_keep", "VIEWS"),
    fault("SCH-69", "a view of another owner", "alter view app.v_active owner to postgres", "OWNERS"),
]
ROUTINES = [
    fault("SCH-59", "a function with an older body", "create or replace function lib.tax(numeric) returns numeric language sql immutable parallel safe return round($1 * 0.16, 2)", "ROUTINES"),
    fault("SCH-60", "a function with other volatility", "alter function lib.area(real, real) volatile", "ROUTINES"),
    fault("parallel", "a function that is parallel safe no more", "alter function lib.tax(numeric) parallel unsafe", "ROUTINES"),
    fault("strict", "a function that takes NULL now", "alter function lib.area(real, real) called on null input", "ROUTINES"),
    fault("definer", "a function that runs with the privileges of its caller", "alter function app.audit() security invoker", "ROUTINES"),
    fault("function-settings", "a function without its search_path", "alter function app.audit() reset search_path", "ROUTINES"),
    fault("SCH-63", "a trigger's function names another table", "create or replace function app.audit() returns trigger language plpgsql security definer set search_path = app, pg_temp as $$begin insert into public.audit_log values (now(), current_user, tg_op, null); return null; end$$", "ROUTINES"),
    fault("function-missing", "a function is missing", "drop function lib.area(real, real)", "ROUTINES"),
    fault("function-extra", "an overloaded function that is unexpected", "create function lib.tax(int) returns numeric language sql immutable return 0", "ROUTINES"),
    fault("function-cost", "a function of another cost", "alter function lib.area(real, real) cost 100", "ROUTINES"),
    fault("function-leakproof", "a function that is leakproof now", "alter function lib.area(real, real) leakproof", "ROUTINES"),
    fault("procedure-body", "a procedure with another body", "create or replace procedure app.tidy(n int) language plpgsql as $$begin perform 1; end$$", "ROUTINES"),
    fault("aggregate-missing", "an aggregate is missing", "drop aggregate app.total(int)", "ROUTINES"),
    fault("aggregate-initial", "an aggregate that begins elsewhere", "create or replace aggregate app.total(int) (sfunc = app.plus, stype = int, initcond = '1')", "ROUTINES"),
    fault("SCH-65", "an operator and a cast are missing", "drop operator app.=~= (text, text); drop cast (lib.address as text)", "ROUTINES"),
    fault("SCH-120", "an untrusted language that is unexpected", "create function app.handler() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler'; create language bogus_u handler app.handler", "ROUTINES"),
]
TRIGGERS = [
    fault("SCH-53", "a trigger is missing", "drop trigger customers_touch on app.customers", "TABLE-TRIGGERS"),
    fault("SCH-54", "a trigger is disabled", "alter table app.customers disable trigger customers_touch", "TABLE-TRIGGERS"),
    fault("trigger-enabled", "a trigger is enabled that the source has off", "alter table app.orders enable trigger orders_audit", "TABLE-TRIGGERS"),
    fault("trigger-replica", "a trigger that fires for the mover too", "alter table app.customers enable always trigger customers_touch", "TABLE-TRIGGERS"),
    fault("trigger-events", "a trigger that fires at other events", "drop trigger orders_audit on app.orders; create trigger orders_audit after insert on app.orders for each statement execute function app.audit(); alter table app.orders disable trigger orders_audit", "TABLE-TRIGGERS"),
    fault("trigger-when", "a trigger that fires under a condition", "drop trigger customers_touch on app.customers; create trigger customers_touch before update on app.customers for each row when (old.note is null) execute function app.touch()", "TABLE-TRIGGERS"),
    fault("trigger-extra", "a trigger that is unexpected", "create trigger again before update on app.orders for each row execute function app.touch()", "TABLE-TRIGGERS"),
    fault("SCH-57", "an event trigger is disabled", "alter event trigger fault_ddl disable", "TABLE-TRIGGERS"),
    fault("event-trigger-missing", "an event trigger is missing", "drop event trigger fault_ddl", "TABLE-TRIGGERS"),
]
PARTITIONS = [
    fault("SCH-103", "a partition is missing", "alter table app.event_notes drop constraint event_notes_event_fk; drop table app.events_2025q2", "FKS", "PARTITIONS"),
    fault("SCH-105", "a partition is detached", "alter table app.events detach partition app.events_2025q1", "KEYS", "PARTITIONS", "TABLE-PROPERTIES", "TABLES"),
    fault("SCH-106", "bounds of a partition are shifted", "alter table app.events detach partition app.events_2025q2; delete from app.events_2025q2 where at >= '2025-06-30 19:00+00'; alter table app.events attach partition app.events_2025q2 for values from ('2025-04-01 00:00+00') to ('2025-06-30 19:00+00')", "PARTITIONS"),
    fault("SCH-108", "the default partition is missing", "alter table app.event_notes drop constraint event_notes_event_fk; drop table app.events_default", "FKS", "PARTITIONS"),
    fault("partition-extra", "a partition that is unexpected", "create table app.events_2024 partition of app.events for values from ('2024-01-01+00') to ('2024-02-01+00')", "PARTITIONS"),
    fault("partition-unlogged", "a partition is UNLOGGED", "alter table app.event_notes drop constraint event_notes_event_fk; alter table app.events_2025q1 set unlogged", "FKS", "PARTITIONS"),
]
RIGHTS = [
    fault("SCH-88", "a role may not use a schema", "revoke usage on schema app from fault_app", "GRANTS"),
    fault("SCH-89", "a role may not draw from a sequence", "revoke all on sequence app.small_id_seq from fault_app", "GRANTS"),
    fault("grant-missing", "a role may not write a table", "revoke update on app.orders from fault_app", "GRANTS"),
    fault("grant-extra", "everybody may read a table", "grant select on app.ledger to public", "GRANTS"),
    fault("grant-column", "a role may not read a column", "revoke select (total) on app.orders from fault_app", "GRANTS"),
    fault("grant-option", "a grant option is missing", "revoke grant option for execute on function lib.tax(numeric) from fault_app", "GRANTS"),
    fault("execute-public", "everybody may call a function that runs as its owner", "grant execute on function app.audit() to public", "GRANTS"),
    fault("default-privileges", "default privileges are lost", "alter default privileges for role fault_owner in schema app revoke select on tables from fault_app", "GRANTS"),
    fault("SCH-102", "everybody may create in schema public", "grant create on schema public to public", "GRANTS"),
    fault("type-usage", "nobody may use a type", "revoke usage on type lib.order_status from public", "GRANTS"),
    fault("SCH-93", "a table of another owner", "alter table app.accounts owner to postgres", "OWNERS"),
    fault("function-owner", "a function of another owner", "alter function lib.area(real, real) owner to postgres", "OWNERS"),
    fault("schema-owner", "a schema of another owner", "alter schema lib owner to fault_owner", "OWNERS"),
    fault("SCH-95", "a policy that lets everybody see everything", "drop policy tenant_isolation on app.customers; create policy tenant_isolation on app.customers for all to fault_app using (true) with check (active)", "POLICIES"),
    fault("policy-missing", "a policy is missing", "drop policy readers on app.customers", "POLICIES"),
    fault("policy-permissive", "a restrictive policy became permissive", "drop policy readers on app.customers; create policy readers on app.customers for select to public using (active)", "POLICIES"),
    fault("policy-roles", "a policy for other roles", "alter policy tenant_isolation on app.customers to public", "POLICIES"),
    fault("policy-check", "a policy that checks nothing that is written", "alter policy tenant_isolation on app.customers with check (true)", "POLICIES"),
    fault("policy-extra", "a policy that is unexpected", "create policy more on app.customers for select to fault_app using (true)", "POLICIES"),
]
OTHERS = [
    fault("SCH-75", "an extension is missing", "drop extension citext cascade", "COLUMNS", "EXTENSIONS", "FKS", "INDEXES", "KEYS"),
    fault("SCH-77", "an extension in another schema", "create schema ext; alter extension citext set schema ext", "COLUMNS", "EXTENSIONS", "SCHEMAS"),
    fault("SCH-76", "an extension of an older version", "update pg_extension set extversion = '1.2' where extname = 'citext'", "EXTENSIONS", says="alter extension citext update"),
    fault("SCH-121", "an extension that is unexpected", "create extension file_fdw", "EXTENSIONS"),
    fault("server-missing", "a foreign server is missing", "drop server elsewhere cascade", "EXTENSIONS", "TABLE-PROPERTIES"),
    fault("SCH-82", "a text search configuration with another mapping", "alter text search configuration lib.simple_en alter mapping for asciiword with simple", "TEXT"),
    fault("dictionary", "a text search dictionary without stop words", "alter text search dictionary lib.plain (stopwords)", "TEXT"),
    fault("collation-missing", "a collation is missing", "drop collation lib.german", "TEXT"),
    fault("collation-rules", "a collation that sorts otherwise", "drop collation lib.german; create collation lib.german (provider = icu, locale = 'de')", "TEXT"),
    fault("collation-deterministic", "a collation that tells letter cases apart", "drop collation lib.blind; create collation lib.blind (provider = icu, locale = 'und-u-ks-level2')", "TEXT"),
    fault("SCH-114", "a publication without one of its tables", "alter publication consumers drop table app.orders", "PUBLICATIONS"),
    fault("publication-missing", "a publication is missing", "drop publication consumers", "PUBLICATIONS"),
    fault("publication-operations", "a publication of other operations", "alter publication consumers set (publish = 'insert')", "PUBLICATIONS"),
    fault("publication-filter", "a publication that leaves rows out", "alter publication consumers set table app.orders where (total > 5), app.customers", "PUBLICATIONS"),
    fault("schema-missing", "a schema is missing", "drop schema spare", "SCHEMAS"),
    fault("schema-extra", "a schema that is unexpected", "create schema left_over", "SCHEMAS"),
    fault("comment", "a comment is missing", "comment on table app.orders is null"),
    fault("comment-column", "a comment differs", "comment on column app.orders.total is 'with tax'"),
]
DATABASE = [
    fault("SCH-123", "the database is read-only by default", "alter database THIS set default_transaction_read_only = on", "DATABASE", "SERVER", says="default_transaction_read_only"),
    fault("SCH-124", "the database writes dates and bytes otherwise", "alter database THIS set datestyle = 'SQL, DMY'; alter database THIS set bytea_output = 'escape'", "DATABASE", "SERVER"),
    fault("database-timezone", "the database has another time zone", "alter database THIS set timezone = 'Australia/Sydney'", "DATABASE", "SERVER"),
    fault("database-search-path", "the database has another search_path", "alter database THIS set search_path = app, public", "DATABASE", "SERVER"),
    fault("role-setting", "a role has a setting in this database that the source has not", "alter role fault_app in database THIS set work_mem = '1MB'", "ROLES"),
    fault("large-object", "a large object that the source has not", "select lo_create(0)", "DATABASE"),
    fault("database-connect", "nobody but its owner may connect", "revoke connect on database THIS from public", "DATABASE"),
]
# built-in objects are restored afterwards
CLUSTER = [
    (fault("SCH-97", "a role is missing", "alter role fault_app rename to fault_gone", "GRANTS", "POLICIES", "ROLES"), "alter role fault_gone rename to fault_app"),
    (fault("SCH-98", "a role without its settings", "alter role fault_app reset all", "ROLES"), "alter role fault_app set statement_timeout = '30s'"),
    (fault("SCH-100", "a role with other attributes", "alter role fault_app bypassrls connection limit -1", "ROLES"), "alter role fault_app nobypassrls connection limit 50"),
    (fault("role-login", "a role that may not log in", "alter role fault_app login", "ROLES"), "alter role fault_app nologin"),
    (fault("role-superuser", "a role that is superuser on the target alone", "alter role fault_app superuser", "ROLES"), "alter role fault_app nosuperuser"),
    (fault("role-member", "a role that is a member of another", "grant fault_owner to fault_app", "ROLES"), "revoke fault_owner from fault_app"),
    (fault("role-expired", "a role whose password expires", "alter role fault_app valid until '2026-01-01'", "ROLES"), "alter role fault_app valid until 'infinity'"),
]
# fmt: on
FAULTS = [
    *TABLES,
    *CONSTRAINTS,
    *SEQUENCES,
    *TYPES,
    *VIEWS,
    *ROUTINES,
    *TRIGGERS,
    *PARTITIONS,
    *RIGHTS,
    *OTHERS,
    *DATABASE,
]  # fmt: skip
