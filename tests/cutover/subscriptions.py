"""Native subscriptions as a mover, in the direction of the writer; light enough for a hook."""

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgcutover.cutover.resolver import Side


def execute(dsn, *statements):
    """Run statements, each by itself; return the rows of the last one."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The streams of one migration, one in each direction."""

    dsns: dict
    name: str

    def fence(self, writer):
        self._alter(writer, "disable")
        self._wait_until_idle(writer)

    def unfence(self, writer):
        self._alter(writer, "enable")

    def is_fenced(self, writer):
        query = sql.SQL("select subenabled from pg_subscription where subname = {}")
        rows = execute(self.dsns[writer.other], query.format(sql.Literal(self._named(writer))))
        return bool(rows) and not rows[0][0]

    def replace_stream(self, writer, slot):
        self._drop(writer.other)
        self.create(writer, slot)

    def drop_all(self, writer):
        for side in Side:
            self._drop(side)

    def prepare(self, side):
        """Create the publication."""
        name = self._named(side)
        exists = sql.SQL("select 1 from pg_publication where pubname = {}")
        if not execute(self.dsns[side], exists.format(sql.Literal(name))):
            create = "create publication {} for table public.orders, public.pgcutover_marker"
            execute(self.dsns[side], sql.SQL(create).format(sql.Identifier(name)))

    def create(self, writer, slot=None):
        """Create the subscription, from a slot that exists or with one of its own."""
        if self._exists(writer):
            return
        name = sql.Identifier(self._named(writer))
        options = f"with (create_slot = false, slot_name = '{slot}', copy_data = false)"
        # the servers' own account cannot read the CA's file
        dsn = make_conninfo(self.dsns[writer], sslmode="require", sslrootcert="")
        execute(
            self.dsns[writer.other],
            sql.SQL("create subscription {} connection {} publication {} {}").format(
                name, sql.Literal(dsn), name, sql.SQL(options if slot else "")
            ),
        )

    def _drop(self, writer):
        """Drop the stream from a side, with its slot."""
        if not self._exists(writer):
            return
        name = sql.Identifier(self._named(writer))
        rows = execute(
            self.dsns[writer.other],
            sql.SQL("select subslotname from pg_subscription where subname = {}").format(
                sql.Literal(self._named(writer))
            ),
        )
        if rows[0][0] is not None:
            execute(
                self.dsns[writer.other],
                sql.SQL("alter subscription {} disable").format(name),
                sql.SQL("alter subscription {} set (slot_name = none)").format(name),
            )
            self._drop_slot(writer, rows[0][0])
        execute(self.dsns[writer.other], sql.SQL("drop subscription {}").format(name))

    def _drop_slot(self, writer, slot):
        for _ in range(500):
            try:
                execute(
                    self.dsns[writer],
                    sql.SQL(
                        "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                        " where slot_name = {}"
                    ).format(sql.Literal(slot)),
                )
            except psycopg.errors.ObjectInUse:
                time.sleep(0.01)
            else:
                return

    def _alter(self, writer, what):
        if self._exists(writer):
            statement = sql.SQL("alter subscription {} {}").format(
                sql.Identifier(self._named(writer)), sql.SQL(what)
            )
            execute(self.dsns[writer.other], statement)

    def _exists(self, writer):
        query = sql.SQL("select 1 from pg_subscription where subname = {}")
        return bool(
            execute(self.dsns[writer.other], query.format(sql.Literal(self._named(writer))))
        )

    def _wait_until_idle(self, writer):
        query = sql.SQL(
            "select 1 from pg_stat_subscription where subname = {} and pid is not null"
        ).format(sql.Literal(self._named(writer)))
        while execute(self.dsns[writer.other], query):
            time.sleep(0.005)

    def _named(self, writer):
        return f"{self.name}_from_{writer}"
