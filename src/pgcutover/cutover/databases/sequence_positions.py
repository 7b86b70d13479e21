"""Raises the standby's sequences past every value that either side has given."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from pgcutover.connect import Connection, open_session, open_writer
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.mapping import MappedTable
from pgcutover.schema.state.sequences import match_sequences, sequences_diff
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class _Sessions:
    """Sessions that read both sides, and one that sets the standby's sequences."""

    writer: Connection
    standby: Connection
    setting: Connection

    def close(self) -> None:
        for connection in (self.writer, self.standby, self.setting):
            connection.close()


@dataclass(slots=True)
class SequencePositions:
    """The sequences of both sides; `tables` say which table of the target is which one's."""

    dsns: Mapping[Side, str] = field(repr=False)
    tables: tuple[MappedTable, ...]
    _warm: dict[Side, _Sessions] = field(default_factory=dict, repr=False)

    def prepare(self, standby: Side) -> None:
        """Open the sessions before the freeze: that takes longer than the queries."""
        self.close()
        self._warm[standby] = self._open(standby)

    def close(self) -> None:
        """Close the sessions."""
        while self._warm:
            self._warm.popitem()[1].close()

    def raise_on(self, standby: Side) -> Mapping[str, object]:
        """Set each sequence of the standby that is behind; StepError where no value is left."""
        with self._sessions(standby) as sessions:
            return self._raise(standby, sessions)

    def _raise(self, standby: Side, sessions: _Sessions) -> Mapping[str, object]:
        behind = self._behind(standby, sessions)
        statements = sorted({str(f.evidence.get("fix") or "") for f in behind})
        if "" in statements:
            raise StepError(next(f.message for f in behind if not f.evidence.get("fix")))
        try:
            for statement in statements:
                sessions.setting.execute(statement.encode())
            sessions.setting.commit()
        except psycopg.Error as error:
            raise StepError(
                f"{standby}: sequences cannot be set: {describe_error(error)}; the role needs "
                "update on them"
            ) from error
        return {"raised": len(statements)}

    def _behind(self, standby: Side, sessions: _Sessions) -> list[Finding]:
        tables = self.tables if standby is Side.TARGET else tuple(t.invert() for t in self.tables)
        writer, other = sessions.writer, sessions.standby
        moved = match_sequences(writer, other, tables)
        found = sequences_diff(writer, other, moved, tables).findings()
        return [f for f in found if f.kind in _REPAIRED]

    @contextmanager
    def _sessions(self, standby: Side) -> Iterator[_Sessions]:
        """Yield sessions, the warm ones once; they are closed at the end."""
        sessions = self._warm.pop(standby, None) or self._open(standby)
        try:
            yield sessions
        finally:
            sessions.close()

    def _open(self, standby: Side) -> _Sessions:
        try:
            return _Sessions(
                open_session(self.dsns[standby.other]),
                open_session(self.dsns[standby]),
                open_writer(self.dsns[standby]),
            )
        except psycopg.Error as error:
            raise StepError(f"sequences cannot be read: {describe_error(error)}") from error


_REPAIRED = ("sequence behind its column", "sequence behind the source")
