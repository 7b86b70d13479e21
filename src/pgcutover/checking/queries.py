"""Queries of checks that have no engine of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg

from pgcutover.connect import open_side
from pgcutover.error_texts.database_errors import unreadable


@dataclass(frozen=True, slots=True)
class QueryRunner:
    """Runs a query on the source or on the target, in a read-only session with pinned settings."""

    source_dsn: str = field(repr=False)
    target_dsn: str = field(repr=False)

    def __call__(
        self,
        side: Literal["source", "target"],
        query: str,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Return all rows; UnreadableError, which makes the result UNKNOWN, where it fails."""
        dsn = {"source": self.source_dsn, "target": self.target_dsn}[side]
        with open_side(side, dsn) as connection:
            try:
                return connection.execute(query.encode(), parameters).fetchall()
            except psycopg.Error as error:
                raise unreadable(side, "query of this check", error) from error
