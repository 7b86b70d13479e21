"""Pointers: the places from which clients read where the database is."""

from collections.abc import Iterable
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side

FIVE_KEYS = {
    "host": "host",
    "port": "port",
    "dbname": "dbname",
    "username": "user",
    "password": "password",
}
"""The keys of a secret without DATABASE_URL, and libpq's names for them."""


class Pointer(Protocol):
    """A place that names one side; its values are never shown."""

    @property
    def name(self) -> str:
        """The name of the place in messages."""

    def prepare(self, writer: Side) -> None:
        """Make the switch to the other side possible; the pointer names `writer` now."""

    def side(self) -> Side:
        """Return the side that clients are sent to; StepError if it is neither."""

    def client_dsn(self) -> str:
        """Return the DSN that clients get now."""

    def switch(self, to: Side) -> None:
        """Send clients to a side; nothing if they are. StepError if somebody else changed it."""

    def tidy(self, writer: Side) -> None:
        """Remove what the cutover added to the place, but the connection to the writer."""

    def restore(self, to: Side) -> None:
        """Send clients to a side after a switch that may still be applied, and prevent that."""


def common_side(pointers: Iterable[Pointer], otherwise: Side) -> Side | None:
    """Return the side of all pointers; None if they differ, `otherwise` if there is none."""
    sides = {pointer.side() for pointer in pointers} or {otherwise}
    return sides.pop() if len(sides) == 1 else None


def conninfo_of(url: str, variable: str) -> dict[str, str]:
    """Return the parts of a DSN; StepError, without its text, if libpq does not understand it."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        parts = {}
    if not {"host", "dbname", "user"} <= parts.keys():
        raise StepError(
            f"{variable}: expected the application's DSN with host, dbname and user; its text is "
            "not shown"
        )
    return {name: str(value) for name, value in parts.items() if value is not None}
