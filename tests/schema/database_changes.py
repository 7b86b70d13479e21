"""Single changes of database objects, and the one object and property that must differ.

`kind name: property` is a changed property, `+kind name` an added object and `-kind name` a dropped
one. The changes run on PostgreSQL 17.
"""

from schema.database_cluster import CLUSTER

TYPES = [
    ("alter type app.mood add value 'joy'", "enum app.mood: labels"),
    ("alter type app.mood add value 'meh' before 'ok'", "enum app.mood: labels"),
    ("alter type app.mood rename value 'ok' to 'fine'", "enum app.mood: labels"),
    (
        "create type app.color as enum ()",
        "+enum app.color",
        "+owner type app.color",
        "+grant type app.color to its owner",
        "+grant type app.color to public",
    ),
    (
        "alter domain app.positive drop constraint positive_check",
        "domain app.positive: constraints",
    ),
    (
        "alter domain app.positive add constraint more check (value < 9) not valid",
        "domain app.positive: constraints",
    ),
    (
        "alter domain app.positive rename constraint positive_check to other",
        "domain app.positive: constraints",
    ),
    ("alter domain app.positive set not null", "domain app.positive: not_null"),
    ("alter domain app.positive set default 2", "domain app.positive: default"),
    ("alter domain app.positive drop default", "domain app.positive: default"),
    (
        'drop domain app.code; create domain app.code as varchar(9) collate "C"',
        "domain app.code: type",
    ),
    ("drop domain app.code; create domain app.code as varchar(8)", "domain app.code: collation"),
    ("alter type app.address add attribute country text", "composite app.address: attributes"),
    ("alter type app.address drop attribute number", "composite app.address: attributes"),
    (
        'alter type app.address alter attribute zip type varchar(6) collate "C"',
        "composite app.address: attributes",
    ),
    (
        "drop type app.span; create type app.span as range (subtype = float8)",
        "range app.span: subtype_diff",
    ),
    (
        "drop type app.span; create type app.span as range (subtype = float8,"
        " subtype_diff = app.span_diff, multirange_type_name = app.many)",
        "range app.span: multirange",
    ),
    ("alter type app.raw set (storage = external)", "base_type app.raw: storage"),
    (
        "create function app.raw_send(app.raw) returns bytea"
        " language internal immutable strict as 'textsend'; alter extension citext add"
        " function app.raw_send(app.raw); alter type app.raw set (send = app.raw_send)",
        "base_type app.raw: send",
        "extension citext: members",
    ),
]

_TAX = "function app.tax(numeric,numeric)"
_AS = "create or replace function app.tax(n numeric, rate numeric default"
ROUTINES = [
    (
        f"{_AS} 0.16) returns numeric language sql immutable parallel safe as 'select 0.1 * n'",
        f"{_TAX}: body",
    ),
    (
        f"{_AS} 0.19) returns numeric language sql immutable parallel safe"
        " as 'select round(n * rate, 2)'",
        f"{_TAX}: arguments",
    ),
    (
        f"{_AS} 0.16) returns numeric language sql immutable parallel safe begin atomic"
        " select round(n, 2); end",
        f"{_TAX}: body",
    ),
    (
        f"{_AS} 0.16) returns numeric language internal immutable parallel safe"
        " cost 100 as 'numeric_add'",
        f"{_TAX}: body language",
    ),
    (f"alter {_TAX} volatile", f"{_TAX}: volatility"),
    (f"alter {_TAX} parallel unsafe", f"{_TAX}: parallel"),
    (f"alter {_TAX} strict", f"{_TAX}: strict"),
    (f"alter {_TAX} leakproof", f"{_TAX}: leakproof"),
    (f"alter {_TAX} security definer", f"{_TAX}: security_definer"),
    (f"alter {_TAX} set search_path = app, public", f"{_TAX}: settings"),
    (f"alter {_TAX} cost 7", f"{_TAX}: cost"),
    ("alter function app.rows_of rows 60", "function app.rows_of(integer): rows"),
    (f"alter {_TAX} support array_unnest_support", f"{_TAX}: support"),
    (
        "drop function app.rows_of; create function app.rows_of(n integer) returns setof bigint"
        " language plpgsql rows 50 as 'begin return query select n; end'",
        "function app.rows_of(integer): result",
    ),
    ("alter procedure app.tidy security definer", "procedure app.tidy(integer): security_definer"),
    (
        "create or replace procedure app.tidy(inout n integer) language plpgsql as 'begin end'",
        "procedure app.tidy(integer): body",
    ),
    ("alter function app.nth() stable", "window_function app.nth(): volatility"),
    (
        "create or replace aggregate app.total(integer)"
        " (sfunc = app.add, stype = integer, initcond = '1')",
        "aggregate app.total(integer): initial",
    ),
    (
        "create or replace aggregate app.total(integer)"
        " (sfunc = int4pl, stype = integer, initcond = '0')",
        "aggregate app.total(integer): transition",
    ),
    (
        "create or replace aggregate app.total(integer)"
        " (sfunc = app.add, stype = integer, initcond = '0', combinefunc = app.add)",
        "aggregate app.total(integer): combine",
    ),
    (
        "create or replace aggregate app.total(integer)"
        " (sfunc = app.add, stype = integer, initcond = '0', parallel = safe)",
        "aggregate app.total(integer): parallel",
    ),
    (
        "drop operator app.=~= (text, text)",
        "-operator app.=~=(text,text)",
        "-owner operator app.=~=(text,text)",
    ),
    (
        "alter operator app.=~= (text, text) set (restrict = eqsel)",
        "operator app.=~=(text,text): restrict",
    ),
    (
        "alter operator app.=~= (text, text) set (join = eqjoinsel)",
        "operator app.=~=(text,text): join",
    ),
    (
        "alter operator family app.moods using btree add operator 1 <(anyenum, anyenum)",
        "operator_family app.moods using btree: operators",
    ),
    (
        "drop operator family app.moods using btree cascade;"
        " create operator family app.moods using btree; create operator class app.mood_class"
        " default for type app.mood using btree family app.moods as"
        " operator 3 =(anyenum, anyenum), function 1 app.compare(app.mood, app.mood)",
        "operator_class app.mood_class using btree: default",
    ),
    ("drop cast (app.address as text)", "-cast (app.address as text)"),
    (
        "drop cast (app.address as text); create cast (app.address as text)"
        " with function app.address_text(app.address) as assignment",
        "cast (app.address as text): context",
    ),
    (
        "drop cast (app.address as text); create cast (app.address as text) with inout",
        "cast (app.address as text): function method",
    ),
    (
        "drop conversion app.latin;"
        " create default conversion app.latin for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8",
        "conversion app.latin: default",
    ),
    (
        "create or replace trusted language other handler app.handler",
        "language other: trusted",
    ),
    ("drop transform for app.mood language plpgsql", "-transform for app.mood language plpgsql"),
    ("drop access method own", "-access_method own"),
]

_CONFIGURATION = "text_search_configuration app.texts"
TEXTS = [
    (
        "drop collation app.plain; create collation app.plain (locale = 'POSIX')",
        "collation app.plain: collate ctype",
    ),
    (
        "alter text search configuration app.texts alter mapping for asciiword with simple",
        f"{_CONFIGURATION}: mappings",
    ),
    (
        "alter text search configuration app.texts alter mapping for word with app.words, simple",
        f"{_CONFIGURATION}: mappings",
    ),
    (
        "alter text search configuration app.texts drop mapping for url",
        f"{_CONFIGURATION}: mappings",
    ),
    (
        "alter text search dictionary app.words (accept = false)",
        "text_search_dictionary app.words: options",
    ),
    (
        "drop text search parser app.parser; create text search parser app.parser ("
        "start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype,"
        " headline = prsd_headline)",
        "text_search_parser app.parser: headline",
    ),
    (
        "drop text search template app.template; create text search template app.template ("
        "lexize = dsimple_lexize, init = dsimple_init)",
        "text_search_template app.template: init",
    ),
]

DATABASE = [
    ("alter event trigger on_ddl disable", "event_trigger on_ddl: enabled"),
    ("alter event trigger on_ddl enable always", "event_trigger on_ddl: enabled"),
    (
        "drop event trigger on_ddl; create event trigger on_ddl on ddl_command_end"
        " when tag in ('CREATE TABLE') execute function app.on_ddl()",
        "event_trigger on_ddl: tags",
    ),
    (
        "drop event trigger on_ddl; create event trigger on_ddl on ddl_command_start"
        " when tag in ('CREATE TABLE', 'ALTER TABLE') execute function app.on_ddl()",
        "event_trigger on_ddl: event",
    ),
    (
        "alter publication chosen set (publish = 'insert, update')",
        "publication chosen: delete truncate",
    ),
    ("alter publication chosen set (publish_via_partition_root)", "publication chosen: via_root"),
    ("alter publication chosen drop table app.other", "-publication_table app.other in chosen"),
    (
        "alter publication chosen set table app.orders where (id > 1), app.other",
        "publication_table app.orders in chosen: row_filter",
    ),
    (
        "alter publication chosen set table app.orders (id, note), app.other",
        "publication_table app.orders in chosen: columns",
    ),
    ("alter publication chosen add tables in schema ext", "+publication_schema ext in chosen"),
    ("alter extension citext set schema app", "extension citext: schema"),
    (
        "update pg_extension set extversion = '1.5' where extname = 'citext'",
        "extension citext: version",
    ),
    ("drop extension citext", "-extension citext"),
    ("alter server elsewhere version '2'", "foreign_server elsewhere: version"),
    (
        "alter server elsewhere options (add port 'SECRET-port')",
        "foreign_server elsewhere: option_names option_values",
    ),
    (
        "alter server elsewhere options (set host 'SECRET-new')",
        "foreign_server elsewhere: option_values",
    ),
    (
        "alter foreign data wrapper wrapper options (drop debug)",
        "foreign_data_wrapper wrapper: option_names option_values",
    ),
    (
        "alter foreign data wrapper wrapper validator postgresql_fdw_validator"
        " options (drop debug)",
        "foreign_data_wrapper wrapper: option_names option_values validator",
    ),
    ("drop user mapping for lab_app server elsewhere", "-user_mapping lab_app on elsewhere"),
    ("alter user mapping for lab_app server elsewhere options (set password 'SECRET-new')",),
    (
        'drop schema "o\'dd ""na.me" cascade; create schema "o\'dd ""na.me"',
        '-enum "o\'dd ""na.me"."smile \U0001f600\n %s {}"',
        '-owner type "o\'dd ""na.me"."smile \U0001f600\n %s {}"',
        '-grant type "o\'dd ""na.me"."smile \U0001f600\n %s {}" to its owner',
        '-grant type "o\'dd ""na.me"."smile \U0001f600\n %s {}" to public',
        '-function "o\'dd ""na.me"."f(x)"(integer,text)',
        '-owner function "o\'dd ""na.me"."f(x)"(integer,text)',
        '-comment function "o\'dd ""na.me"."f(x)"(integer,text)',
        '-grant function "o\'dd ""na.me"."f(x)"(integer,text) to its owner',
        '-grant function "o\'dd ""na.me"."f(x)"(integer,text) to public',
        'role "lab_ ""odd": unused_here',
        '-grant function "o\'dd ""na.me"."f(x)"(integer,text) to "lab_ ""odd"',
    ),
]

RIGHTS = [
    ("alter table app.orders owner to lab_owner", "owner table app.orders: owner"),
    ("alter view app.v_orders owner to lab_owner", "owner view app.v_orders: owner"),
    ("alter sequence app.ticket owner to lab_owner", "owner sequence app.ticket: owner"),
    (f"alter {_TAX} owner to lab_owner", f"owner {_TAX}: owner"),
    ("alter type app.mood owner to lab_owner", "owner type app.mood: owner"),
    ("alter schema app owner to lab_owner", "owner schema app: owner"),
    (
        "alter text search configuration app.texts owner to lab_owner",
        "owner text search configuration app.texts: owner",
    ),
    (
        "alter server elsewhere owner to postgres; alter publication chosen owner to lab_super",
        "owner publication chosen: owner",
    ),
    ("revoke usage on schema app from lab_app", "-grant schema app to lab_app"),
    ("grant create on schema public to public", "grant schema public to public: privileges"),
    ("grant delete on app.orders to lab_app", "grant table app.orders to lab_app: privileges"),
    ("revoke insert on app.orders from lab_app", "grant table app.orders to lab_app: privileges"),
    (
        "grant select on app.orders to lab_app with grant option",
        "grant table app.orders to lab_app: privileges",
    ),
    ("grant select on app.orders to public", "+grant table app.orders to public"),
    ("grant select on app.v_orders to lab_reader", "+grant view app.v_orders to lab_reader"),
    (
        "revoke delete on app.orders from current_user",
        "grant table app.orders to its owner: privileges",
    ),
    (
        "grant insert (id) on app.other to lab_reader",
        "grant table column app.other.id to lab_reader: privileges",
    ),
    (
        "revoke update (note) on app.other from lab_reader",
        "-grant table column app.other.note to lab_reader",
    ),
    ("revoke all on sequence app.ticket from lab_app", "-grant sequence app.ticket to lab_app"),
    (f"revoke execute on {_TAX} from public", f"-grant {_TAX} to public"),
    (
        f"revoke grant option for execute on {_TAX} from lab_app",
        f"grant {_TAX} to lab_app: privileges",
    ),
    ("grant execute on function app.touch() to public",),
    ("grant all on app.other to current_user",),
    ("revoke usage on type app.mood from public", "-grant type app.mood to public"),
    ("revoke usage on foreign server elsewhere from lab_app", "-grant server elsewhere to lab_app"),
    (
        "alter default privileges for role lab_owner in schema app grant insert on tables"
        " to lab_reader",
        "default_privilege for role lab_owner in schema app on tables to lab_reader: privileges",
    ),
    (
        "alter default privileges for role lab_owner grant execute on functions to public",
        "-default_privilege for role lab_owner in every schema on functions to public",
    ),
    (
        "alter default privileges for role lab_owner grant usage on sequences to lab_app",
        "+default_privilege for role lab_owner in every schema on sequences to lab_app",
    ),
    ("comment on table app.orders is 'other'", "comment table app.orders: text"),
    ("comment on column app.orders.total is null", "-comment table column app.orders.total"),
    (
        "comment on policy everybody on app.orders is 'a policy'",
        "+comment policy everybody on app.orders",
    ),
    (
        "comment on constraint positive_check on domain app.positive is 'more than nothing'",
        "+comment domain constraint positive_check on app.positive",
    ),
    ("comment on event trigger on_ddl is 'an event trigger'", "+comment event trigger on_ddl"),
    ("comment on function ext.citextin(cstring) is 'of an extension'",),
    ("comment on extension citext is 'of an extension'",),
    (
        "insert into pg_seclabel values"
        " ('app.orders'::regclass, 'pg_class'::regclass, 0, 'p', 'x')",
        "+security_label table app.orders for p",
    ),
]

CHANGES = [*TYPES, *ROUTINES, *TEXTS, *DATABASE, *RIGHTS, *CLUSTER]
