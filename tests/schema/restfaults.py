"""Faults outside single tables, and faults of built-in objects."""

from schema.schemafaults import fault

# fmt: off
RELATIONS = [
    fault("matview-index", "an index of a materialized view is missing", "drop index app.mv_sales_total", "VIEWS", says="mv_sales_total"),
    fault("matview-index-other", "it is in another order", "drop index app.mv_sales_total; create index mv_sales_total on app.mv_sales (total desc)", "VIEWS"),
    fault("matview-index-invalid", "it is not valid, so that no refresh concurrently works", "update pg_index set indisvalid = false where indexrelid = 'app.mv_sales_uq'::regclass", "VIEWS"),
    fault("matview-index-extra", "an index of it that is unexpected", "create index on app.mv_sales (total, customer_id)", "VIEWS"),
    fault("partition-index", "an index that one partition has for itself is missing", "drop index app.events_q1_only", "PARTITIONS", says="events_q1_only"),
    fault("partition-index-unique", "a partition refuses what the table would accept", "create unique index on app.events_2025q1 (id)", "PARTITIONS"),
    fault("partition-index-invalid", "an index of a partition is not valid", "update pg_index set indisvalid = false where indexrelid = 'app.px_us_v'::regclass", "PARTITIONS"),
    fault("partition-key", "a foreign key of one partition is missing", "alter table app.px_us drop constraint px_us_small", "PARTITIONS"),
    fault("partition-key-extra", "a foreign key of one partition that is unexpected", "alter table app.px_us add foreign key (id) references app.small", "PARTITIONS"),
    fault("partition-detaching", "a partition was left half detached: reads no longer see it", "update pg_inherits set inhdetachpending = true where inhrelid = 'app.px_us'::regclass", "PARTITIONS", says="detaching"),
    fault("partition-default", "a partition has a default of its own", "alter table app.px_us alter v set default 5", "PARTITIONS"),
    fault("partition-tuned", "statistics of a partition's column", "alter table app.px_us alter v set statistics 7"),
    fault("foreign-column", "a column of a foreign table is missing", "alter foreign table app.ft drop v", "TABLE-PROPERTIES"),
    fault("foreign-column-type", "a column of a foreign table is longer", "alter foreign table app.ft alter v type varchar(10)", "TABLE-PROPERTIES"),
    fault("foreign-column-null", "a column of a foreign table may be NULL", "alter foreign table app.ft alter id drop not null", "TABLE-PROPERTIES"),
    fault("foreign-column-options", "a column of a foreign table is another there", "alter foreign table app.ft alter id options (set column_name 'no')", "DEFAULTS", says="column_name"),
    fault("excluded-column", "a table that is not compared lacks a column", "alter table outside.more drop v", "TABLE-PROPERTIES"),
    fault("excluded-type", "a column of it is shorter", "alter table outside.more alter v type varchar(10)", "TABLE-PROPERTIES"),
    fault("excluded-null", "a column of it may be NULL", "alter table outside.more alter v drop not null", "TABLE-PROPERTIES"),
    fault("excluded-index", "an index of it is missing", "drop index outside.more_v", "TABLE-PROPERTIES"),
    fault("excluded-key", "a foreign key of it is missing", "alter table outside.more drop constraint more_ref_fkey", "TABLE-PROPERTIES"),
    fault("excluded-default", "a default of it is missing", "alter table outside.more alter v drop default", "DEFAULTS"),
    fault("index-statistics", "the statistics target of an index", "alter index app.kv_lower alter column 1 set statistics -1"),
    fault("n-distinct", "n_distinct of a column is reset", "alter table app.kv alter v reset (n_distinct)"),
    fault("server-option", "another server is led to", "alter server elsewhere options (set host 'db.example.net')", "EXTENSIONS", says="digest"),
    fault("view-barrier-off", "a view's security_barrier is off", "alter view app.v_orders set (security_barrier = off)", "VIEWS"),
]
ALTERED = [
    fault("wrapper-grant", "a privilege on an extension's wrapper is missing", "revoke usage on foreign data wrapper postgres_fdw from fault_app", "GRANTS"),
    fault("extension-grant", "a privilege on an extension's function is missing", "revoke execute on function lib.postgres_fdw_disconnect_all() from fault_app", "GRANTS"),
    fault("extension-public", "everybody may call what was forbidden", "grant execute on function lib.postgres_fdw_disconnect_all() to public", "GRANTS"),
    fault("extension-grant-extra", "an unexpected privilege on an extension's function", "grant execute on function lib.postgres_fdw_handler() to fault_app", "GRANTS"),
    fault("system-grant", "a privilege on a system function is missing", "revoke execute on function pg_catalog.pg_read_file(text) from fault_app", "GRANTS", says="pg_read_file"),
    fault("system-grant-extra", "an unexpected privilege on a system table", "grant select on pg_catalog.pg_authid to fault_app"),
    fault("language-grant", "everybody may write functions again", "grant usage on language plpgsql to public", "GRANTS"),
    fault("cast-context", "a cast of the server's is implicit", "update pg_cast set castcontext = 'i' where castsource = 'int4'::regtype and casttarget = 'bool'::regtype", "DATABASE", says="(integer as boolean)"),
    fault("configuration-altered", "a text search configuration of the server's was altered", "alter text search configuration pg_catalog.english alter mapping for asciiword with simple", "DATABASE", says="english"),
    fault("dictionary-altered", "a dictionary of the server's was altered", "alter text search dictionary pg_catalog.english_stem (stopwords)", "DATABASE", says="english_stem"),
    fault("system-routine", "a function that somebody put among the server's is missing", "drop function pg_catalog.fault_mine()", "DATABASE", says="fault_mine"),
    fault("system-routine-other", "it does something else", "create or replace function pg_catalog.fault_mine() returns int language sql as 'select 2'", "DATABASE"),
    fault("system-routine-extra", "a function in pg_catalog on the target alone", "create function pg_catalog.fault_other() returns int language sql as 'select 1'"),
    fault("database-owner", "the database belongs to another role", "alter database THIS owner to fault_owner"),
]
REST = RELATIONS + ALTERED
SERVER = [
    (fault("parameter-grant", "an unexpected privilege on a parameter", "grant set on parameter log_min_duration_statement to fault_app"), "revoke set on parameter log_min_duration_statement from fault_app"),
    (fault("autovacuum-off", "nothing is vacuumed any more", "alter system set autovacuum = off; select pg_reload_conf(); select pg_sleep(0.3)", "SERVER", says="autovacuum"), "alter system reset autovacuum"),
    (fault("event-triggers-off", "no event trigger fires", "alter system set event_triggers = off; select pg_reload_conf(); select pg_sleep(0.3)", "SERVER"), "alter system reset event_triggers"),
    (fault("damaged-pages", "damaged pages read as empty", "alter system set zero_damaged_pages = on; select pg_reload_conf(); select pg_sleep(0.3)", "SERVER"), "alter system reset zero_damaged_pages"),
    (fault("planner", "planner methods are switched off", "alter system set enable_indexscan = off; select pg_reload_conf(); select pg_sleep(0.3)"), "alter system reset enable_indexscan"),
    (fault("temp-files", "temp_file_limit differs", "alter system set temp_file_limit = '1GB'; select pg_reload_conf(); select pg_sleep(0.3)"), "alter system reset temp_file_limit"),
]
