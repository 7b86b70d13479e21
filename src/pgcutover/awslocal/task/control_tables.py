"""The awsdms_* control tables that DMS keeps on the target.

`awsdms_txn_state` makes the mover exact: the position, and each table's starting point, are
committed together with the rows, so neither a crash nor a replay can lose or repeat a change.
"""

from dataclasses import dataclass

from psycopg import sql

from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.mapping.table_plan import quoted
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.pgoutput.messages import format_lsn, parse_lsn

_TABLES = {
    "awsdms_apply_exceptions": """
        "TASK_NAME" varchar(128) not null,
        "TABLE_OWNER" varchar(128) not null,
        "TABLE_NAME" varchar(128) not null,
        "ERROR_TIME" timestamp not null,
        "STATEMENT" text not null,
        "ERROR" text not null
    """,
    "awsdms_suspended_tables": """
        server_name varchar(128) not null,
        task_name varchar(128) not null,
        table_owner varchar(128) not null,
        table_name varchar(128) not null,
        suspend_reason varchar(32) not null,
        suspend_timestamp timestamp not null
    """,
    "awsdms_validation_failures_v1": """
        "TASK_NAME" varchar(128) not null,
        "TABLE_OWNER" varchar(128) not null,
        "TABLE_NAME" varchar(128) not null,
        "FAILURE_TIME" timestamp not null,
        "KEY_TYPE" varchar(128) not null,
        "KEY" text not null,
        "FAILURE_TYPE" varchar(128) not null,
        "DETAILS" varchar(8000) not null
    """,
    "awsdms_txn_state": """
        task_name varchar(128) not null,
        table_owner varchar(128) not null,
        table_name varchar(128) not null,
        source_position pg_lsn not null,
        changed_at timestamp not null,
        primary key (task_name, table_owner, table_name)
    """,
}
_WHOLE_TASK = ("", "")


@dataclass(frozen=True, slots=True)
class ControlTables:
    """The control tables of one task."""

    schema: str
    server: str
    task: str
    keeps_suspended: bool
    validates: bool

    def create(self, connection: Connection) -> None:
        """Create missing tables; checked first, as `if not exists` needs the CREATE privilege."""
        wanted = ["awsdms_apply_exceptions", "awsdms_txn_state"]
        wanted += ["awsdms_suspended_tables"] * self.keeps_suspended
        wanted += ["awsdms_validation_failures_v1"] * self.validates
        for name in wanted:
            row = connection.execute(
                "select from pg_class where relname = %s and relnamespace = to_regnamespace(%s)",
                (name, sql.Identifier(self.schema).as_string()),
            ).fetchone()
            if row is None:
                columns = sql.SQL(_TABLES[name])
                connection.execute(
                    sql.SQL("create table {} ({})").format(self._table(name), columns)
                )

    def _table(self, name: str) -> sql.Composed:
        return quoted((self.schema, name))

    def record_exception(
        self, connection: Connection, table: Name, statement: str, error: str
    ) -> None:
        """Record a change that was not applied in awsdms_apply_exceptions."""
        connection.execute(
            sql.SQL(
                "insert into {} values (%s, %s, %s, clock_timestamp() at time zone 'utc', %s, %s)"
            ).format(self._table("awsdms_apply_exceptions")),
            (self.task, *table, statement, error),
        )

    def record_suspended(self, connection: Connection, table: Name, reason: str) -> None:
        """Record a suspended table, if the task keeps awsdms_suspended_tables."""
        if self.keeps_suspended:
            connection.execute(
                sql.SQL(
                    "insert into {} values"
                    " (%s, %s, %s, %s, %s, clock_timestamp() at time zone 'utc')"
                ).format(self._table("awsdms_suspended_tables")),
                (self.server, self.task, *table, reason[:32]),
            )

    def forget_suspended(self, connection: Connection, table: Name) -> None:
        """Remove a table from awsdms_suspended_tables."""
        if self.keeps_suspended:
            connection.execute(
                sql.SQL(
                    "delete from {} where (task_name, table_owner, table_name) = (%s, %s, %s)"
                ).format(self._table("awsdms_suspended_tables")),
                (self.task, *table),
            )

    def record_mismatch(
        self, connection: Connection, table: Name, key: str, kind: str, details: str
    ) -> None:
        """Record a row that validation found different."""
        connection.execute(
            sql.SQL(
                "insert into {} values"
                " (%s, %s, %s, clock_timestamp() at time zone 'utc', 'Row', %s, %s, %s)"
            ).format(self._table("awsdms_validation_failures_v1")),
            (self.task, *table, key, kind, details[:8000]),
        )

    def forget_mismatches(self, connection: Connection, table: Name) -> None:
        """Remove a table's validation failures."""
        connection.execute(
            sql.SQL(
                'delete from {} where ("TASK_NAME", "TABLE_OWNER", "TABLE_NAME") = (%s, %s, %s)'
            ).format(self._table("awsdms_validation_failures_v1")),
            (self.task, *table),
        )

    def save_position(self, connection: Connection, lsn: int) -> None:
        """Store the position up to which all source commits are applied."""
        self._save(connection, _WHOLE_TASK, lsn)

    def save_table(self, connection: Connection, table: Name, lsn: int) -> None:
        """Store the position of a table's rows; only later changes are applied."""
        self._save(connection, table, lsn)

    def _save(self, connection: Connection, table: Name, lsn: int) -> None:
        connection.execute(
            sql.SQL(
                "insert into {} values"
                " (%s, %s, %s, %s::pg_lsn, clock_timestamp() at time zone 'utc')"
                " on conflict (task_name, table_owner, table_name) do update"
                " set source_position = excluded.source_position, changed_at = excluded.changed_at"
            ).format(self._table("awsdms_txn_state")),
            (self.task, *table, format_lsn(lsn)),
        )

    def positions(self, connection: Connection) -> tuple[int, dict[Name, int]]:
        """Return the task's position (0 initially) and the starting point of each loaded table."""
        rows = connection.execute(
            sql.SQL(
                "select table_owner, table_name, source_position::text from {} where task_name = %s"
            ).format(self._table("awsdms_txn_state")),
            (self.task,),
        ).fetchall()
        found = {(row[0], row[1]): parse_lsn(row[2]) for row in rows}
        return found.pop(_WHOLE_TASK, 0), found

    def forget(self, connection: Connection) -> None:
        """Remove the task's rows."""
        connection.execute(
            sql.SQL("delete from {} where task_name = %s").format(self._table("awsdms_txn_state")),
            (self.task,),
        )
