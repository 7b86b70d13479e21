"""The relay's side of the target: bucket locks, and the statements that write a batch."""

import zlib
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from pgcutover.errors import ServerError
from pgcutover.mapping import RelationName
from pgcutover.outbox.model import BARRIER
from pgcutover.outbox.routes import Route, UniqueRule
from pgcutover.outbox.source import (
    Key,
    Row,
    array_columns,
    array_text,
    open_relay,
    same_key,
    unnested,
)

MARK = "pgcutover.outbox"
_ALONE = BARRIER + 1
_TRY = """
select b from unnest(%s::int[]) with ordinality u (b, n)
 where pg_try_advisory_xact_lock(%s, b) order by n
"""
_LOCK = "select pg_advisory_xact_lock(%s, %s)"
_REPLICA = "set local session_replication_role = replica"
_NOBODY_ELSE = "select pg_try_advisory_xact_lock(%s, %s)"
_ORDINARY_TOO = "select pg_try_advisory_xact_lock_shared(%s, %s)"
_MEMBERS = """
with recursive tree (root, oid) as (
    select c.oid, c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join unnest(%(schemas)s::text[], %(names)s::text[]) w (schema, name)
        on w.schema = n.nspname and w.name = c.relname
    union all
    select t.root, i.inhrelid from tree t join pg_inherits i on i.inhparent = t.oid
)
"""
_TRIGGERS = f"""{_MEMBERS}
select distinct n.nspname, c.relname, 'trigger ' || t.tgname
  from tree join pg_trigger t on t.tgrelid = tree.oid and not t.tgisinternal
  join pg_proc p on p.oid = t.tgfoid
  join pg_class c on c.oid = tree.root join pg_namespace n on n.oid = c.relnamespace
 where t.tgenabled = any (%(firing)s::"char"[])
   and p.pronamespace <> coalesce(to_regnamespace('pgcutover'), 0::regnamespace)
"""  # noqa: S608 - a constant
_ACTIONS = f"""{_MEMBERS}
select distinct n.nspname, c.relname, 'an action of foreign key ' || k.conname
  from tree join pg_constraint k on k.confrelid = tree.oid and k.contype = 'f'
   and (k.confdeltype in ('c', 'n', 'd') or k.confupdtype in ('c', 'n', 'd'))
  join pg_class c on c.oid = tree.root join pg_namespace n on n.oid = c.relnamespace
"""  # noqa: S608 - a constant
_SUBSCRIBED = f"""{_MEMBERS}
select distinct n.nspname, c.relname, 'subscription ' || s.subname
  from tree join pg_subscription_rel r on r.srrelid = tree.oid
  join pg_subscription s on s.oid = r.srsubid and s.subenabled
  join pg_class c on c.oid = tree.root join pg_namespace n on n.oid = c.relnamespace
"""  # noqa: S608 - a constant


class TargetSide:
    """A connection to the target; a batch is one transaction, whose locks exclude other relays.

    `is_replica` says that no trigger and no foreign key fires. Without it only one relay writes.
    """

    def __init__(self, dsn: str, migration: str) -> None:
        """Connect, and find out if the role may switch triggers off."""
        self.connection = open_relay(dsn)
        self._class = zlib.crc32(migration.encode()) - (1 << 31)
        self.is_replica = self._may_be_replica()

    def refuse_tables(self, names: Sequence[RelationName]) -> None:
        """Raise ServerError for tables that something else would write, or already writes."""
        firing = ["A", "R"] if self.is_replica else ["A", "O"]
        wanted: dict[str, Any] = {
            "schemas": [n.schema for n in names],
            "names": [n.name for n in names],
            "firing": firing,
        }
        queries = [_SUBSCRIBED, _TRIGGERS, *([] if self.is_replica else [_ACTIONS])]
        with self.connection.transaction():
            found = [row for q in queries for row in self.connection.execute(q.encode(), wanted)]
        if found:
            text = "; ".join(f"{schema}.{name} has {what}" for schema, name, what in found)
            raise ServerError(
                f"target: {text}, which would change rows that the relay writes; disable a "
                "subscription, and let the relay's role set session_replication_role (grant set on "
                "parameter session_replication_role) so that ordinary triggers do not fire"
            )

    def begin(self) -> bool:
        """Begin the batch's writes in the open transaction; False if another relay excludes us."""
        if self.is_replica:
            self.connection.execute(_REPLICA)
        query = _ORDINARY_TOO if self.is_replica else _NOBODY_ELSE
        found = self.connection.execute(query.encode(), [self._class, _ALONE]).fetchone()
        return found == (True,)

    def try_locks(self, buckets: Sequence[int]) -> list[int]:
        """Return the buckets whose locks were free; this transaction holds them now."""
        rows = self.connection.execute(_TRY.encode(), [[*buckets], self._class])
        return [bucket for (bucket,) in rows]

    def wait_locks(self, buckets: Iterable[int]) -> None:
        """Take the locks of buckets in one order, while this transaction holds no other lock."""
        for bucket in sorted(buckets):
            self.connection.execute(_LOCK.encode(), [self._class, bucket])

    def mark(self) -> None:
        """Name the writer of this transaction in the WAL, for the target's change ledger."""
        self.connection.execute(b"select pg_logical_emit_message(true, %s, '')", [MARK])

    def upsert(self, routes: Sequence[Route], rows: Mapping[int, Mapping[Key, Row | None]]) -> None:
        """Write rows and delete those that the source lacks: referenced tables first."""
        present = {n: {k: r for k, r in of.items() if r is not None} for n, of in rows.items()}
        for route in reversed(routes):
            number = route.table.number
            absent = [k for k, row in rows.get(number, {}).items() if row is None]
            rewritten = [] if route.arbiter else [*present.get(number, ())]
            self.delete_keys(route, [*rewritten, *absent])
            if route.arbiter and not route.arbiter_is_key and present.get(number):
                self._delete_moved(route, present[number])
        for route in routes:
            if own := present.get(route.table.number):
                self._insert(route, own.values(), is_upsert=bool(route.arbiter))
        self.connection.execute("set constraints all immediate")

    def replace(
        self, routes: Sequence[Route], rows: Mapping[int, Mapping[Key, Row | None]]
    ) -> None:
        """Delete all rows of the keys, then insert those that the source has."""
        for route in reversed(routes):
            self.delete_keys(route, [*rows.get(route.table.number, ())])
        for route in routes:
            own = [r for r in rows.get(route.table.number, {}).values() if r is not None]
            self._insert(route, own, is_upsert=False)
        self.connection.execute("set constraints all immediate")

    def delete_keys(self, route: Route, keys: Sequence[Key]) -> None:
        """Delete the rows of keys."""
        if keys:
            query = sql.SQL("delete from {} t using {} where {}").format(
                route.identifier, unnested(len(route.key), "k"), same_key(route.key, "t", "k")
            )
            self.connection.execute(query, array_columns(keys, len(route.key)))

    def conflicts(
        self, routes: Sequence[Route], rows: Mapping[int, Mapping[Key, Row | None]]
    ) -> dict[int, set[Key]]:
        """Return the keys of other rows that have a unique value of the rows to write."""
        found: dict[int, set[Key]] = {}
        for route in routes:
            own = rows.get(route.table.number, {})
            values = [row for row in own.values() if row is not None]
            for rule in route.unique if values else ():
                query = _conflict_query(route, rule)
                keys = {tuple(k) for k in self.connection.execute(query, _arrays(route, values))}
                if others := keys - own.keys():
                    found.setdefault(route.table.number, set()).update(others)
        return found

    def key_pages(self, route: Route, size: int) -> Generator[list[Key], None, None]:
        """Yield all keys of a table in pages, in the snapshot of the first one."""
        keys = _key_texts(route, "t")
        with self.connection.cursor(name="pgcutover_keys") as cursor:
            cursor.execute(sql.SQL("select {} from {} t").format(keys, route.identifier))
            while page := cursor.fetchmany(size):
                yield [*dict.fromkeys(tuple(key) for key in page)]

    def _insert(self, route: Route, rows: Collection[Row], *, is_upsert: bool) -> None:
        if not rows:
            return
        query = sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
            sql.Identifier(route.target.schema, route.target.name),
            _names(c.name for c in route.columns),
            _typed(route),
            unnested(len(route.columns), "r"),
        )
        if is_upsert:
            query += _on_conflict(route)
        # a row comes twice where two texts are one key, as of a numeric
        self.connection.execute(query, _arrays(route, [*dict.fromkeys(rows)]))

    def _delete_moved(self, route: Route, rows: Mapping[Key, Row]) -> None:
        """Delete rows that have a key of the source, and another key on the target."""
        places = [[c.name for c in route.columns].index(name) for name in route.arbiter]
        types = [route.columns[n].type for n in places]
        differs = sql.SQL(" or ").join(
            sql.SQL("{} is distinct from {}::{}").format(
                sql.Identifier("t", name), sql.Identifier("k", f"c{n}"), sql.SQL(kind)
            )
            for n, (name, kind) in enumerate(zip(route.arbiter, types, strict=True), len(route.key))
        )
        query = sql.SQL("delete from {} t using {} where {} and ({})").format(
            route.identifier,
            unnested(len(route.key) + len(places), "k"),
            same_key(route.key, "t", "k"),
            differs,
        )
        values = [array_text(row[n] for row in rows.values()) for n in places]
        self.connection.execute(query, [*array_columns([*rows], len(route.key)), *values])

    def _may_be_replica(self) -> bool:
        try:
            with self.connection.transaction():
                self.connection.execute(_REPLICA)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True


def _on_conflict(route: Route) -> sql.Composed:
    names = [c.name for c in route.columns]
    others = [name for name in names if name not in route.arbiter or name in route.rewritten]
    if not others:
        return sql.SQL(" on conflict ({}) do nothing").format(_names(route.arbiter))
    changes = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in others
    )
    return sql.SQL(" on conflict ({}) do update set {}").format(_names(route.arbiter), changes)


def _conflict_query(route: Route, rule: UniqueRule) -> sql.Composed:
    """Select keys of rows whose indexed expressions equal those of a row to write.

    The expressions name columns without a table, so each is evaluated over one row's columns.
    """
    expressions = sql.SQL(", ").join(
        sql.SQL("{} as {}").format(sql.SQL(text), sql.Identifier(f"e{n}"))
        for n, (text, *_) in enumerate(rule.expressions)
    )
    predicate = sql.SQL(rule.predicate or "true")
    equal = sql.SQL(" and ").join(
        sql.SQL("a.{0} operator({1}.{2}) b.{0}").format(
            sql.Identifier(f"e{n}"), sql.Identifier(schema), sql.SQL(name)
        )
        for n, (_, schema, name) in enumerate(rule.expressions)
    )
    row = sql.SQL(", ").join(
        sql.SQL("r.{}::{} as {}").format(
            sql.Identifier(f"c{n}"), sql.SQL(c.type), sql.Identifier(c.name)
        )
        for n, c in enumerate(route.columns)
    )
    return sql.SQL(
        "select distinct {keys} from {table} t"
        " cross join lateral (select {values} from (select t.*) x where {predicate}) a"
        " join lateral (select {values} from (select {row} from {rows}) x where {predicate}) b"
        " on {equal}"
    ).format(
        keys=_key_texts(route, "t"),
        table=route.identifier,
        values=expressions,
        predicate=predicate,
        row=row,
        rows=unnested(len(route.columns), "r"),
        equal=equal,
    )


def _key_texts(route: Route, table: str) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(table, c.name)) for c in route.key
    )


def _typed(route: Route) -> sql.Composed:
    """Values as the target's types, without a length: a longer one is an error, not cut."""
    return sql.SQL(", ").join(
        sql.SQL("r.{}::{}").format(sql.Identifier(f"c{n}"), sql.SQL(c.type))
        for n, c in enumerate(route.columns)
    )


def _names(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _arrays(route: Route, rows: Sequence[Row]) -> list[str]:
    return [array_text(row[n] for row in rows) for n in range(len(route.columns))]
