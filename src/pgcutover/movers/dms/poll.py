"""Waits for a state of AWS, up to a time limit; an interrupted wait changes nothing."""

import time
from collections.abc import Callable
from typing import TypeVar

from pgcutover.errors import MoverError

T = TypeVar("T")
_POLL_SECONDS = 15.0  # DMS counts every describe call against the account's rate
_LOCAL_POLL_SECONDS = 0.1


def poll_seconds(local: bool) -> float:
    """Return the time between two questions to AWS, or to an endpoint on this machine."""
    return _LOCAL_POLL_SECONDS if local else _POLL_SECONDS


def wait_for(
    probe: Callable[[], T | None],
    *,
    what: str,
    timeout_seconds: float,
    poll_seconds: float,
    hint: str = "nothing is lost; run the same command again and it continues",
) -> T:
    """Return the result of `probe` once it is not None; MoverError at the time limit."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = probe()
        if answer is not None:
            return answer
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise MoverError(f"{what}: not done after {timeout_seconds:g} s; {hint}")
        time.sleep(min(poll_seconds, remaining))
