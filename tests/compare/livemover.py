"""A lagging mover for tests: reads a logical slot and applies its changes later."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from threading import Event, Thread
from time import monotonic

import psycopg
from psycopg import sql

from pgcutover.pgoutput.messages import (
    Begin,
    Commit,
    Delete,
    Insert,
    Relation,
    Unchanged,
    Update,
    decode,
)

_SLOT = "live_mover"
_CHANGES = (
    "select data from pg_logical_slot_get_binary_changes(%s, null, null,"
    " 'proto_version', '1', 'publication_names', %s)"
)


class LaggingMover(Thread):
    """Apply each transaction of schema `app` to schema `core`, `lag_seconds` late."""

    def __init__(self, source: str, target: str, lag_seconds: float) -> None:
        super().__init__(daemon=True)
        self._source, self._target, self._lag = source, target, lag_seconds
        self._end = Event()
        self._relations: dict[int, Relation] = {}
        self._waiting: deque[tuple[float, list[object]]] = deque()
        self.error: BaseException | None = None

    def stop(self) -> None:
        self._end.set()
        self.join()

    def run(self) -> None:
        try:
            with (
                psycopg.connect(self._source, autocommit=True) as source,
                psycopg.connect(self._target) as target,
            ):
                while not self._end.wait(0.05):
                    self._read(source)
                    self._apply(target)
        except BaseException as error:
            self.error = error

    def _read(self, source: psycopg.Connection) -> None:
        changes: list[object] = []
        with source.cursor(binary=True) as cursor:
            for (data,) in cursor.execute(_CHANGES, [_SLOT, _SLOT]).fetchall():
                message = decode(data)
                if isinstance(message, Relation):
                    self._relations[message.oid] = message
                elif isinstance(message, Begin):
                    changes = []
                elif isinstance(message, Commit):
                    self._waiting.append((monotonic() + self._lag, changes))
                else:
                    changes.append(message)

    def _apply(self, target: psycopg.Connection) -> None:
        while self._waiting and self._waiting[0][0] <= monotonic():
            _, changes = self._waiting.popleft()
            for change in changes:
                target.execute(*self._statement(change))
            target.commit()

    def _statement(self, change: object) -> tuple[sql.Composed, list[str | None]]:
        relation = self._relations[change.relation_oid]
        table = sql.Identifier("core", relation.name)
        names = [column.name for column in relation.columns]
        if isinstance(change, Delete):
            row = dict(zip(names, change.old, strict=True))
            return sql.SQL("delete from {} where id = %s").format(table), [row["id"]]
        assert isinstance(change, Insert | Update)
        row = dict(zip(names, change.new, strict=True))
        assert Unchanged.TOAST not in row.values()
        put = sql.SQL(", ").join(
            [sql.SQL("{} = excluded.{}").format(*[sql.Identifier(n)] * 2) for n in names]
        )
        query = sql.SQL("insert into {} ({}) values ({}) on conflict (id) do update set {}").format(
            table,
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            put,
        )
        return query, list(row.values())


class Application(Thread):
    """Write continuously to the source's table; some values change and change back."""

    def __init__(self, dsn: str, keys: int) -> None:
        super().__init__(daemon=True)
        self._dsn, self._keys, self._end, self.writes = dsn, keys, Event(), 0

    def stop(self) -> None:
        self._end.set()
        self.join()

    def run(self) -> None:
        chance = Random(7)  # noqa: S311 - which keys, no secret
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._end.wait(0.005):
                self.writes += 1
                key = chance.randrange(self._keys)
                if key % 5 == 0:  # toggled between two values
                    connection.execute("update app.live set n = 1 - n where id = %s", [key])
                elif key % 5 == 1:  # deleted and inserted again
                    gone = connection.execute("delete from app.live where id = %s", [key])
                    if not gone.rowcount:
                        connection.execute("insert into app.live values (%s, 0, 'again')", [key])
                else:
                    connection.execute("update app.live set n = n + 1 where id = %s", [key])


@contextmanager
def live(source: str, target: str, keys: int, lag_seconds: float) -> Iterator[Application]:
    """Yield a writing application and a lagging mover on tables `live` and `marker`."""
    for dsn, schema in ((source, "app"), (target, "core")):
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in (
                f"create table {schema}.live (id int primary key, n int, v text)",
                f"create table {schema}.marker (id uuid primary key)",
                f"insert into {schema}.live select i, 0, 'v' || i"
                f" from generate_series(-100, {keys - 1}) i",
                f"analyze {schema}.live",
            ):
                connection.execute(statement.encode())
            if schema == "app":
                connection.execute(
                    f"create publication {_SLOT} for table app.live, app.marker".encode()
                )
                connection.execute(
                    "select pg_create_logical_replication_slot(%s, 'pgoutput')", [_SLOT]
                )
    application, mover = Application(source, keys), LaggingMover(source, target, lag_seconds)
    application.start()
    mover.start()
    try:
        yield application
        assert mover.is_alive(), mover.error
    finally:
        application.stop()
        mover.stop()
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute("select pg_drop_replication_slot(%s)", [_SLOT])
    assert mover.error is None, mover.error
