"""The SQL that installs the outbox: its tables, and the functions and triggers of each table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from psycopg import sql

from pgcutover.config import Outbox
from pgcutover.connect import PINNED
from pgcutover.mapping import RelationName
from pgcutover.outbox.model import BARRIER, BUCKETS, SourceTable
from pgcutover.schema.explained.own_triggers import CAPTURE as ROW_TRIGGER
from pgcutover.schema.explained.own_triggers import CAPTURE_TRUNCATE as TRUNCATE_TRIGGER

FORMAT = 1
Trigger = tuple[RelationName, str]
"""A table or partition, and the name of a trigger on it."""
_TABLES = (
    "create schema if not exists pgcutover",
    "create table pgcutover.outbox_migration (name text primary key, format int not null,"
    " installed_at timestamptz not null default now())",
    "create table pgcutover.outbox_relation (number int primary key, schema text not null,"
    " name text not null, members text[] not null, unique (schema, name))",
    # read by bucket, so the bucket leads; dead entries are many, and cheap to vacuum when few
    """create table pgcutover.outbox (
    bucket smallint not null,
    id bigint generated always as identity,
    relation int not null,
    key text[],
    xid bigint not null default txid_current(),
    at timestamptz not null default now(),
    primary key (bucket, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
        autovacuum_vacuum_cost_delay = 0)""",
    """create table pgcutover.outbox_parked (
    relation int not null,
    key text[] not null,
    xid bigint not null,
    reason text not null,
    attempts int not null default 1,
    at timestamptz not null default now(),
    primary key (relation, key)
)""",
    f"""create function pgcutover.outbox_truncate() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into pgcutover.outbox (bucket, relation) values ({BARRIER}, tg_argv[0]::int);
    return null;
end $$""",  # noqa: S608 - constants
    # for clients: how far ids have been drawn, and whether entries of a transaction are left
    """create function pgcutover.outbox_position() returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select case when is_called then last_value else 0 end from pgcutover.outbox_id_seq $$""",
    f"""create function pgcutover.outbox_state(transaction bigint, low bigint, high bigint)
returns text language sql stable security definer set search_path = pg_catalog, pg_temp as $$
select case
    when exists (select from pgcutover.outbox_parked p where p.xid = transaction) then 'parked'
    when exists (select from generate_series(0, {BARRIER}) b, lateral (
        select from pgcutover.outbox o
        where o.bucket = b and o.id > low and o.id <= high and o.xid = transaction limit 1) e)
    then 'pending' else 'applied' end $$""",  # noqa: S608 - constants
    "revoke all on function pgcutover.outbox_truncate(), pgcutover.outbox_position(),"
    " pgcutover.outbox_state(bigint, bigint, bigint) from public",
)
_DROP_TABLES = (
    "drop table pgcutover.outbox, pgcutover.outbox_parked, pgcutover.outbox_relation,"
    " pgcutover.outbox_migration"
)
_DROP_FUNCTIONS = (
    "drop function pgcutover.outbox_truncate(), pgcutover.outbox_position(),"
    " pgcutover.outbox_state(bigint, bigint, bigint)"
)
# the settings that decide the text of a key
_PINNED = (
    "datestyle", "timezone", "intervalstyle", "extra_float_digits", "bytea_output", "lc_monetary",
)  # fmt: skip
_FUNCTION = """create or replace function {name}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp{settings} as {body}"""
_BODY = """
declare
    k text[];
    o text[];
begin
    if tg_op <> 'INSERT' then
        o := array[{old}];
    end if;
    if tg_op <> 'DELETE' then
        k := array[{new}];
        insert into pgcutover.outbox (bucket, relation, key) values ({bucket}, {number}, k);
    end if;
    if o is distinct from k and o is not null then
        k := o;
        insert into pgcutover.outbox (bucket, relation, key) values ({bucket}, {number}, k);
    end if;
    return null;
end """


@dataclass(frozen=True, slots=True)
class Step:
    """Statements of one transaction; `table` is what they lock, if anything."""

    title: str
    statements: tuple[sql.SQL | sql.Composed, ...]
    table: RelationName | None = None

    def script(self, lock_timeout_seconds: float) -> str:
        """The transaction as psql runs it."""
        timeout = f"set local lock_timeout = {round(lock_timeout_seconds * 1000)};"
        body = "\n".join(f"{s.as_string(None)};" for s in self.statements)
        return f"-- {self.title}\nbegin;\n{timeout}\n{body}\ncommit;\n"


def create_outbox(migration: str, outbox: Outbox) -> Step:
    """Create schema, tables, functions and grants of the outbox, which is empty and unused yet."""
    register = sql.SQL("insert into pgcutover.outbox_migration (name, format) values ({}, {})")
    statements: list[sql.SQL | sql.Composed] = [
        *map(sql.SQL, _TABLES),
        register.format(sql.Literal(migration), FORMAT),
    ]
    if outbox.relay_role:
        statements += _grants(outbox.relay_role, (
            "usage on schema pgcutover",
            "select, insert, delete on pgcutover.outbox",
            "select, insert, update, delete on pgcutover.outbox_parked",
            "select on pgcutover.outbox_relation, pgcutover.outbox_migration,"
            " pgcutover.outbox_id_seq",
        ))  # fmt: skip
    for role in outbox.application_roles:
        statements += _grants(role, (
            "usage on schema pgcutover",
            "execute on function pgcutover.outbox_position(),"
            " pgcutover.outbox_state(bigint, bigint, bigint)",
        ))  # fmt: skip
    return Step("the outbox", tuple(statements))


def capture_table(table: SourceTable, present: Collection[Trigger]) -> Step:
    """Create the function of a table and those triggers that are not present.

    CREATE TRIGGER lets readers pass; the lock is held for milliseconds.
    """
    function = _function_name(table.number)
    statements = [
        sql.SQL(
            "insert into pgcutover.outbox_relation values ({}, {}, {}, {})"
            " on conflict (number) do update set members = excluded.members"
        ).format(table.number, table.name.schema, table.name.name, [*map(str, table.members)]),
        _function(table, function),
        sql.SQL("revoke all on function {}() from public").format(function),
    ]
    row = sql.SQL("after insert or update or delete on {} for each row execute function {}()")
    if (table.name, ROW_TRIGGER) not in present:
        statements += _trigger(ROW_TRIGGER, table.name, row.format(_name(table.name), function))
    truncate = sql.SQL(
        "after truncate on {} for each statement execute function pgcutover.outbox_truncate({})"
    )
    for member in table.members:
        if (member, TRUNCATE_TRIGGER) not in present:
            number = sql.Literal(f"{table.number}")
            rest = truncate.format(_name(member), number)
            statements += _trigger(TRUNCATE_TRIGGER, member, rest)
    return Step(f"capture {table.name}", tuple(statements), table.name)


def release_table(name: RelationName, triggers: Iterable[str]) -> Step:
    """Drop the triggers of a table."""
    drop = sql.SQL("drop trigger {} on {}")
    statements = (drop.format(sql.Identifier(trigger), _name(name)) for trigger in triggers)
    return Step(f"release {name}", tuple(statements), name)


def drop_outbox(numbers: Iterable[int], *, with_schema: bool) -> Step:
    """Drop the tables and functions; the schema too if nothing else is in it."""
    functions = (_function_name(number) for number in numbers)
    statements: list[sql.SQL | sql.Composed] = [
        *(sql.SQL("drop function {}()").format(function) for function in functions),
        sql.SQL(_DROP_TABLES),
        sql.SQL(_DROP_FUNCTIONS),
        *([sql.SQL("drop schema pgcutover")] if with_schema else []),
    ]
    return Step("the outbox", tuple(statements))


def _function(table: SourceTable, name: sql.Composable) -> sql.Composed:
    def key(row: str) -> sql.Composed:
        columns = (sql.SQL(f"{row}.{{}}::text").format(sql.Identifier(c.name)) for c in table.key)
        return sql.SQL(", ").join(columns)

    body = sql.SQL(_BODY).format(
        old=key("old"), new=key("new"), bucket=table.bucket, number=table.number
    )
    settings = () if all(c.is_pinned for c in table.key) else _PINNED
    pinned = sql.Composed([sql.SQL(f" set {s} = {{}}").format(PINNED[s]) for s in settings])
    return sql.SQL(_FUNCTION).format(
        name=name, settings=pinned, body=sql.Literal(body.as_string(None))
    )


def _trigger(name: str, on: RelationName, rest: sql.Composable) -> list[sql.Composed]:
    """Create a trigger that fires also for writes of a replication role."""
    trigger = sql.Identifier(name)
    return [
        sql.SQL("create trigger {} {}").format(trigger, rest),
        sql.SQL("alter table {} enable always trigger {}").format(_name(on), trigger),
    ]


def _grants(role: str, rights: Iterable[str]) -> list[sql.Composed]:
    return [sql.SQL(f"grant {right} to {{}}").format(sql.Identifier(role)) for right in rights]


def _function_name(number: int) -> sql.Identifier:
    return sql.Identifier("pgcutover", f"outbox_capture_{number}")


def _name(relation: RelationName) -> sql.Identifier:
    return sql.Identifier(relation.schema, relation.name)


assert BUCKETS & (BUCKETS - 1) == 0  # noqa: S101 - a bucket is the last bits of a hash
