"""The channel between a cutover and its final gate: JSON lines over a socket of both processes."""

import json
import socket
from typing import Any

from pgcutover.errors import PgCutoverError


class Channel:
    """One end; nothing that is sent holds a DSN or a value of a row."""

    def __init__(self, own: socket.socket) -> None:
        """Take a connected socket."""
        self._socket, self._lines = own, own.makefile("rb")

    @classmethod
    def of_descriptor(cls, descriptor: int) -> "Channel":
        """Return the end that a parent process has passed on."""
        try:
            return cls(socket.socket(fileno=descriptor))
        except OSError as error:
            raise PgCutoverError(
                f"--freeze-channel {descriptor}: expected an open socket of a cutover; the option "
                "is not for use by hand"
            ) from error

    def send(self, kind: str, **content: Any) -> None:
        """Send a message; PgCutoverError if the other process has ended."""
        try:
            self._socket.sendall(json.dumps({"kind": kind, **content}).encode() + b"\n")
        except OSError as error:
            raise PgCutoverError("the other process of the cutover has ended") from error

    def receive(self, *kinds: str, timeout_seconds: float | None = None) -> dict[str, Any]:
        """Return the next message, of one of these kinds; PgCutoverError for none or another.

        After a timeout nothing more can be received.
        """
        self._socket.settimeout(timeout_seconds)
        try:
            line = self._lines.readline()
        except TimeoutError as error:
            expected = " or ".join(kinds)
            raise PgCutoverError(
                f"no {expected} arrived from the other process within {timeout_seconds:g} s"
            ) from error
        except OSError as error:  # also after a timeout: half a line may have been read
            raise PgCutoverError("the other process of the cutover has ended") from error
        message = json.loads(line) if line.endswith(b"\n") else {"kind": "end"}
        if message["kind"] not in kinds:
            said = message.get("message") or f"it sent {message['kind']!r}"
            raise PgCutoverError(f"expected {' or '.join(kinds)} from the other process: {said}")
        return dict(message)

    def close(self) -> None:
        """Close both directions."""
        self._lines.close()
        self._socket.close()
