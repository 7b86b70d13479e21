"""Creates the KGC source database: roles, schema and deterministic data."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pgcutover.connect import Connection, open_owner
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import ConfigError, ProvisionError
from pgcutover.provision.execute import one_transaction, run_statements
from pgcutover.provision.roles import apply_roles
from pgcutover.setup.demo.rows import Counts, Row
from pgcutover.setup.demo.tables import TABLES, DemoTable
from pgcutover.setup.demo.values import REFERENCE_INSTANT, Values

Progress = Callable[[str], None]

DATABASE = "kgc"
LOGIN_ROLES = ("kgc_app", "dms", "kgc_check", "kgc_cutover")
MAX_SCALE = 100

_SETUP = Path(__file__).parent.parent
_REPORT_EVERY_ROWS = 250_000


def create_source(
    superuser_dsn: str,
    passwords: Mapping[str, str],
    progress: Progress,
    *,
    database: str = DATABASE,
) -> None:
    """Create roles, database and KGC's empty schema on the source; a failure leaves nothing."""
    with _empty_database(superuser_dsn, passwords, database):
        _create_schema(make_conninfo(superuser_dsn, dbname=database))
    progress(f"source: database {database} created with KGC's schema")


def grant_as_managed_hosts(superuser_dsn: str) -> None:
    """Make the application's role an owner of its tables, and a member of pg_write_all_data.

    Managed hosts do so; no REVOKE on a table takes such rights away.
    """
    with _connect(superuser_dsn) as conn:
        conn.execute("grant kgc_owner, pg_write_all_data to kgc_app")


def create_target(
    superuser_dsn: str,
    passwords: Mapping[str, str],
    progress: Progress,
    *,
    database: str = DATABASE,
) -> None:
    """Create roles and an empty database on the target."""
    with _empty_database(superuser_dsn, passwords, database):
        progress(f"target: empty database {database} created")


def generate(dsn: str, *, scale: int, seed: int, progress: Progress) -> int:
    """Fill the empty schema in one transaction and return the number of rows.

    Needs the owner or a superuser. The same scale and seed give the same rows everywhere.
    """
    if not 1 <= scale <= MAX_SCALE:
        raise ConfigError(f"scale is {scale}; expected 1 (about 50,000 rows) to {MAX_SCALE}")
    counts = Counts(scale)
    with _connect(dsn) as conn:
        with one_transaction(conn):
            _refuse_filled(conn)
            conn.execute("set local synchronous_commit = off")
            total = sum(_fill(conn, table, counts, seed, progress) for table in TABLES)
            _set_sequences(conn)
            conn.execute("refresh materialized view public.content_engagement")
        conn.execute("analyze")
    progress(f"source: {total:,} rows up to {REFERENCE_INSTANT:%Y-%m-%d}")
    return total


@contextmanager
def _empty_database(
    superuser_dsn: str, passwords: Mapping[str, str], database: str
) -> Iterator[None]:
    if missing := [role for role in LOGIN_ROLES if role not in passwords]:
        raise ConfigError(f"no password given for {', '.join(missing)}; every login role needs one")
    wanted = {role: passwords[role] for role in LOGIN_ROLES}
    with _connect(superuser_dsn) as conn:
        apply_roles(conn, [_SETUP / "roles" / "roles.sql"], wanted)
        _create_database(conn, database)
        try:
            yield
        except BaseException:
            with suppress(psycopg.Error):  # report the first error
                conn.execute(sql.SQL("drop database {}").format(sql.Identifier(database)))
            raise


def _create_schema(dsn: str) -> None:
    with _connect(dsn) as conn:
        for path in sorted((_SETUP / "demo" / "schema").glob("*.sql")):
            with one_transaction(conn):
                run_statements(conn, path.read_text(encoding="utf-8"), f"schema/{path.name}")


def _create_database(conn: Connection, database: str) -> None:
    statement = sql.SQL("create database {} owner kgc_owner encoding 'UTF8' template template0")
    try:
        conn.execute(statement.format(sql.Identifier(database)))
    except psycopg.errors.DuplicateDatabase as error:
        raise ProvisionError(
            f"database {database!r} already exists; the demo only ever fills one of its own, so "
            "drop it or use another server"
        ) from error


@contextmanager
def _connect(dsn: str) -> Iterator[Connection]:
    try:
        conn = open_owner(dsn)
    except psycopg.OperationalError as error:
        raise ProvisionError(
            f"the demo's server cannot be reached: {describe_error(error)}"
        ) from error
    try:
        with conn:
            yield conn
    except psycopg.Error as error:  # such as a full disk or a lost server
        raise ProvisionError(
            f"the demo's database could not be filled: {describe_error(error)}"
        ) from error


def _refuse_filled(conn: Connection) -> None:
    row = conn.execute("select exists (select from public.users)").fetchone()
    if row and row[0]:
        raise ProvisionError(
            "public.users already holds rows; generated data goes into an empty schema only"
        )


def _fill(conn: Connection, table: DemoTable, counts: Counts, seed: int, progress: Progress) -> int:
    copy_in = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier("public", table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
    )
    total, done = counts.of(table.name), 0
    rows = table.rows(Values(seed, table.name), counts)
    with conn.cursor() as cursor, cursor.copy(copy_in) as copy:
        while chunk := _write(copy, islice(rows, _REPORT_EVERY_ROWS)):
            done += chunk
            progress(f"source: public.{table.name}: {done:,} of {total:,} rows")
    return done


def _write(copy: psycopg.Copy, rows: Iterator[Row]) -> int:
    written = 0
    for row in rows:
        copy.write_row(row)
        written += 1
    return written


def _set_sequences(conn: Connection) -> None:
    """Set owned sequences to their column's maximum, and the standalone one beyond it."""
    owned = """
        select format(
            'select setval(%L, (select max(%I) from %I.%I))',
            pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname),
            a.attname, n.nspname, c.relname)
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.relkind = 'r'
        join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public'
        where a.attnum > 0 and not a.attisdropped
          and pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) is not null
    """
    for (statement,) in conn.execute(owned).fetchall():
        conn.execute(str(statement).encode())
    conn.execute(
        "select setval('public.invitation_number_seq', max(invitation_number) + 37)"
        " from public.patient_invitations"
    )
