"""Raises the standby's sequences past every value that either side has given."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from pgcutover.connect import open_session, open_writer
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.resolver import Side
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.mapping import MappedTable
from pgcutover.schema.state.sequences import match_sequences, sequences_diff
from pgcutover.verdict import Finding


@dataclass(frozen=True, slots=True)
class SequencePositions:
    """The sequences of both sides; `tables` say which table of the target is which one's."""

    dsns: Mapping[Side, str] = field(repr=False)
    tables: tuple[MappedTable, ...]

    def raise_on(self, standby: Side) -> Mapping[str, object]:
        """Set each sequence of the standby that is behind; StepError where no value is left."""
        behind = self._behind(standby)
        statements = sorted({str(f.evidence.get("fix") or "") for f in behind})
        if "" in statements:
            raise StepError(next(f.message for f in behind if not f.evidence.get("fix")))
        try:
            with open_writer(self.dsns[standby]) as connection:
                for statement in statements:
                    connection.execute(statement.encode())
        except psycopg.Error as error:
            raise StepError(
                f"{standby}: sequences cannot be set: {describe_error(error)}; the role needs "
                "update on them"
            ) from error
        return {"raised": len(statements)}

    def are_beyond(self, standby: Side) -> bool:
        """Return whether no sequence of the standby is behind."""
        return not self._behind(standby)

    def _behind(self, standby: Side) -> list[Finding]:
        tables = self.tables if standby is Side.TARGET else tuple(t.invert() for t in self.tables)
        with (
            open_session(self.dsns[standby.other]) as writer,
            open_session(self.dsns[standby]) as other,
        ):
            moved = match_sequences(writer, other, tables)
            found = sequences_diff(writer, other, moved, tables).findings()
        return [f for f in found if f.kind in _REPAIRED]


_REPAIRED = ("sequence behind its column", "sequence behind the source")
