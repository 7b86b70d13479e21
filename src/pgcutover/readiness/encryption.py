"""Checks that the target refuses connections without encryption."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from os import devnull
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgcutover.connect import Connection
from pgcutover.errors import UnreadableError

# parameters that could end the attempt before the server has decided about it
_LEFT_OUT = ("require_auth", "sslnegotiation", "sslrootcert", "target_session_attrs")
# without a password, so that none is sent without encryption
_UNENCRYPTED = {
    "sslmode": "disable",
    "gssencmode": "disable",
    "channel_binding": "disable",
    "password": "",
    "passfile": devnull,
    "application_name": "",
    "connect_timeout": "10",
}
_RULES = """
select line_number, type, database, user_name, address, netmask, auth_method
from pg_hba_file_rules where error is null order by line_number
"""


def accepts_unencrypted(dsn: str) -> bool:
    """Return whether the server lets this role try to log in without encryption."""
    parameters = {k: v for k, v in conninfo_to_dict(dsn).items() if k not in _LEFT_OUT}
    if str(parameters.get("host", "")).startswith("/"):
        return False
    try:
        psycopg.connect(make_conninfo("", **{**parameters, **_UNENCRYPTED})).close()
    except psycopg.errors.ConnectionTimeout as error:
        raise UnreadableError(
            "target: an unencrypted connection was neither accepted nor refused within 10 s; "
            "expected a refusal; let the server's rules reject it (hostnossl ... reject)"
        ) from error
    except psycopg.OperationalError as error:
        return bool(error.pgconn and error.pgconn.needs_password)
    return True


def rules_without_encryption(target: Connection) -> tuple[str, ...]:
    """Return the rules of pg_hba.conf that accept unencrypted connections; none if unreadable."""
    with suppress(psycopg.errors.InsufficientPrivilege), target.transaction():
        return tuple(_accepting(target.execute(_RULES).fetchall()))
    return ()


def _accepting(rules: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    rejected: set[int] = set()
    for number, kind, databases, roles, address, netmask, method in rules:
        if kind not in ("host", "hostnossl"):
            continue
        versions = _ip_versions(address)
        if method == "reject":
            if (databases, roles) == (["all"], ["all"]) and _is_everywhere(address, netmask):
                rejected |= versions
        elif versions - rejected and not _is_loopback(address):
            yield f"line {number} ({kind} {','.join(databases)} {','.join(roles)} {address})"


def _is_everywhere(address: str, netmask: str | None) -> bool:
    return address == "all" or (address, netmask) in (("0.0.0.0", "0.0.0.0"), ("::", "::"))  # noqa: S104


def _is_loopback(address: str) -> bool:
    with suppress(ValueError):
        return ip_address(address).is_loopback
    return address in ("localhost", "samehost")


def _ip_versions(address: str) -> set[int]:
    with suppress(ValueError):
        return {ip_address(address).version}
    return {4, 6}
