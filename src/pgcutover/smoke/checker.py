"""The checks of the stage `smoke`, with the connection that clients get.

`warm` does before the freeze what needs the old side; `begin` is called once clients have been
sent to a side, which refuses writes until it is opened.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psycopg

from pgcutover.connect import Connection, ServerFacts
from pgcutover.cutover.hooks.run import HookFailedError
from pgcutover.cutover.resolver import Side
from pgcutover.diff import Diff, finding
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.smoke.client import ClientPlace, limited, login_finding
from pgcutover.smoke.inserts import insert_findings, insertable
from pgcutover.smoke.plans import Query, plan_costs, plan_findings, top_queries
from pgcutover.smoke.search_path import (
    name_findings,
    search_path_of,
    use_search_path,
    visible_tables,
)
from pgcutover.verdict import Finding


@dataclass(slots=True)
class SmokeChecker:
    """Both sides, and the places from which clients read their connection.

    `queries` is None where pg_stat_statements has them. `marker` is the mover's table, into which
    no client inserts.
    """

    readers: Mapping[Side, Callable[[], Connection]] = field(repr=False)
    facts: Mapping[Side, ServerFacts]
    tables: Sequence[MappedTable]
    marker: RelationName
    places: Sequence[ClientPlace]
    queries: Sequence[Query] | None = ()
    plan_factor: float = 3.0
    look_for_errors: Callable[[Side], None] | None = None
    side: Side | None = None
    _sessions: dict[Side, Connection] = field(init=False, default_factory=dict)
    _clients: dict[str, Connection] = field(init=False, default_factory=dict)

    def warm(self) -> None:
        """Open the sessions on both sides, and make sure that the places can be read."""
        self._sessions = {side: connect() for side, connect in self.readers.items()}
        for place in self.places:
            place.read_dsn()

    def begin(self, side: str) -> None:
        """Keep the side that clients have been sent to."""
        self.side = Side(side)

    def close(self) -> None:
        """Close all sessions."""
        for connection in (*self._sessions.values(), *self._clients.values()):
            with suppress(psycopg.Error):
                connection.close()

    def login(self) -> Diff:
        """Check that clients of every place reach the side that they have been sent to."""
        found = tuple(filter(None, map(self._try_login, self.places)))
        return Diff("*", found, {"places": [place.name for place in self.places]})

    def names(self) -> Diff:
        """Check that the search_path of clients finds the tables that it found before."""
        client = self._client()
        with self._old_session() as old:
            visible = visible_tables(old, search_path_of(old, client.info.user))
        pairs = list(zip(self._names(self._new.other), self._names(self._new), strict=True))
        with limited(client):
            found = tuple(name_findings(client, pairs, visible, self._new))
        return Diff("*", found, {"tables": len(pairs)})

    def inserts(self) -> Diff:
        """Check that clients could insert into every table that they could insert into before."""
        client = self._client()
        old, new = self._names(self._new.other), self._names(self._new)
        with self._old_session() as session:
            could = insertable(session, old, client.info.user)
        marker = self.marker if self._new is Side.TARGET else None
        tables = [
            table
            for table, of_source, may in zip(new, self._names(Side.SOURCE), could, strict=True)
            if may is not False and of_source != self.marker and table != marker
        ]
        with limited(client):
            found = tuple(insert_findings(client, tables, self._new))
        return Diff("*", found, {"tables": len(tables)})

    def plans(self) -> Diff:
        """Check that no representative query has a much worse plan than on the old side."""
        client = self._client()
        role = client.info.user
        with self._old_session() as old:
            queries = top_queries(old, role) if self.queries is None else self.queries
            use_search_path(old, search_path_of(old, role))
            before = plan_costs(old, queries)
        with limited(client):
            after = plan_costs(client, queries)
        found = tuple(plan_findings(before, after, self.plan_factor, self._new))
        compared = sum(isinstance(cost, float) for cost in before.values())
        return Diff("*", found, {"queries": len(queries), "compared": compared})

    def logs(self) -> Diff:
        """Check by the team's hook that the logs of the application hold no errors."""
        return logs_diff(self.look_for_errors, self._new)

    @contextmanager
    def client_session(self) -> Iterator[Connection]:
        """A read-only transaction of the connection that clients of the first place get."""
        connection = self._client()
        with limited(connection):
            yield connection

    def _client(self) -> Connection:
        """Return the connection that clients of the first place get."""
        if not self.places:
            raise UnreadableError("neither cutover.secret nor cutover.env_file is set")
        try:
            return self._open(self.places[0])
        except psycopg.Error as error:
            raise UnreadableError(f"clients cannot log in: {describe_error(error)}") from error

    def _try_login(self, place: ClientPlace) -> Finding | None:
        side = self._new
        try:
            client = self._open(place)
        except psycopg.Error as error:
            reason = describe_error(error)
            message = f"{place.name}: clients cannot log in to the {side}: {reason}"
            return finding(place.name, "login failed", message)
        return login_finding(place.name, client, self.facts[side], side)

    def _open(self, place: ClientPlace) -> Connection:
        """Return the connection of a place, opened once."""
        if place.name not in self._clients:
            self._clients[place.name] = place.open()
        return self._clients[place.name]

    def _names(self, side: Side) -> list[RelationName]:
        return [t.source if side is Side.SOURCE else t.target for t in self.tables]

    @property
    def _new(self) -> Side:
        if self.side is None:
            raise UnreadableError("no clients were sent anywhere; only a cutover asks this stage")
        return self.side

    @contextmanager
    def _old_session(self) -> Iterator[Connection]:
        """The session on the old side, in a transaction that ends, with its locks, at once."""
        try:
            session = self._sessions[self._new.other]
        except KeyError as error:
            raise UnreadableError("the smoke suite was not warmed up") from error
        try:
            yield session
        finally:
            session.rollback()


def logs_diff(look_for_errors: Callable[[Side], None] | None, side: Side) -> Diff:
    """Check by the hook that the logs hold no errors; any other failure of it is UNKNOWN."""
    if look_for_errors is None:
        raise UnreadableError("cutover.hooks.errors is not set")
    try:
        look_for_errors(side)
    except HookFailedError as error:
        if error.code == 1:
            message = f"the hook errors found errors in the logs of the application: {error}"
            return Diff("*", (finding("*", "errors in the logs", message),))
        raise
    return Diff("*")
