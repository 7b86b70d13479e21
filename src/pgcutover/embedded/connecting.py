"""Instructions to connect to running servers; the passwords are in one private file only."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from psycopg.conninfo import conninfo_to_dict, make_conninfo

SERVICE_FILE = "pg_service.conf"


class Connectable(Protocol):
    """A server that has a name and a conninfo string."""

    @property
    def name(self) -> str:
        """The server's name, here that of its service."""

    def dsn(self) -> str:
        """Return the superuser's conninfo string, with the password."""


def service_file_content(servers: Iterable[Connectable]) -> str:
    """Return the text of a libpq service file with a section for each server."""
    return "\n".join(_section(server) for server in servers)


def how_to_connect(servers: Iterable[Connectable], run_dir: Path) -> list[str]:
    """Return the commands that connect to each server, without a password."""
    file = run_dir / SERVICE_FILE
    lines = [f"passwords are in {file} (mode 0600); with it:"]
    for server in servers:
        command = f"PGSERVICEFILE={shlex.quote(str(file))} psql service={server.name}"
        lines += [f"  {command}", f"    {_without_password(server.dsn())}"]
    return lines


def _section(server: Connectable) -> str:
    values = conninfo_to_dict(server.dsn())
    return f"[{server.name}]\n" + "".join(f"{name}={value}\n" for name, value in values.items())


def _without_password(dsn: str) -> str:
    values = conninfo_to_dict(dsn)
    values.pop("password", None)
    return make_conninfo("", **values)
