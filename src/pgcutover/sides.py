"""Asking both sides at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

Connection = psycopg.Connection[Any]
Source = TypeVar("Source")
Target = TypeVar("Target")


def both(
    source: Callable[[], Source],
    target: Callable[[], Target],
    connections: Sequence[Connection],
) -> tuple[Source, Target]:
    """Both answers, asked at the same time; the first error cancels the other side and wins."""
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(source), pool.submit(target)
        asked: list[Future[Any]] = [one, other]
        try:
            wait(asked, return_when=FIRST_EXCEPTION)
            failed = _error_of(asked)
        except BaseException:
            cancel(connections)
            raise
        if failed is not None:
            cancel(connections)
            raise failed
        return one.result(), other.result()


def _error_of(asked: Sequence[Future[Any]]) -> BaseException | None:
    ended = (future for future in asked if future.done())
    return next((error for future in ended if (error := future.exception()) is not None), None)


def cancel(connections: Sequence[Connection]) -> None:
    """Stop whatever they are asked; one that is lost already is passed over."""
    for connection in connections:
        with suppress(psycopg.Error):
            connection.cancel_safe(timeout=5)
