"""Connections to users' databases: read only, one snapshot, settings pinned a transaction."""

from pgcutover.connect.opening import (
    open_owner,
    open_session,
    open_side,
    open_watch,
    open_writer,
    require_own_session,
)
from pgcutover.connect.pinned import PINNED, Connection, PinnedCursor, verify_pinned
from pgcutover.connect.server import ServerFacts, remember_server, server_facts
from pgcutover.connect.transaction_counts import COUNTS

__all__ = [
    "COUNTS",
    "PINNED",
    "Connection",
    "PinnedCursor",
    "ServerFacts",
    "open_owner",
    "open_session",
    "open_side",
    "open_watch",
    "open_writer",
    "remember_server",
    "require_own_session",
    "server_facts",
    "verify_pinned",
]
