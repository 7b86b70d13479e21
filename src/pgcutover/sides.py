"""Pairs of a source's and a target's value, and queries that run on both sides at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psycopg

from pgcutover.connect import Connection

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
U = TypeVar("U")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Sides(Generic[T_co]):
    """The source's value and the target's."""

    source: T_co
    target: T_co

    def __iter__(self) -> Iterator[T_co]:
        """Yield the source's value, then the target's."""
        yield self.source
        yield self.target

    def map(self, function: Callable[[T_co], U]) -> "Sides[U]":
        """Apply a function to each value."""
        return Sides(function(self.source), function(self.target))

    def combine(self, other: "Sides[U]", function: Callable[[T_co, U], V]) -> "Sides[V]":
        """Apply a function to the values of each side of two pairs."""
        return Sides(function(self.source, other.source), function(self.target, other.target))

    def swap(self) -> "Sides[T_co]":
        """Return each side's value under the opposite side."""
        return Sides(self.target, self.source)


LABELS = Sides("source", "target")


def fetch_both(
    source: Callable[[], T], target: Callable[[], T], connections: Iterable[Connection]
) -> Sides[T]:
    """Run both calls at the same time; the first error cancels the other side and is raised."""
    with ThreadPoolExecutor(2) as pool:
        calls = Sides(pool.submit(source), pool.submit(target))
        try:
            wait(calls, return_when=FIRST_EXCEPTION)
            failed = _first_error(calls)
        except BaseException:
            cancel(connections)
            raise
        if failed is not None:
            cancel(connections)
            raise failed
        return calls.map(Future.result)


def _first_error(calls: Iterable[Future[Any]]) -> BaseException | None:
    ended = (future for future in calls if future.done())
    return next((error for future in ended if (error := future.exception()) is not None), None)


def cancel(connections: Iterable[Connection]) -> None:
    """Cancel the running queries; lost connections are skipped."""
    for connection in connections:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=5)
