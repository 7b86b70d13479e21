"""A file of `NAME=value` lines as a pointer; it is replaced whole, with its owner and mode."""

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pgcutover.cutover.errors import ChangedError, StepError
from pgcutover.cutover.resolver import Side


@dataclass(frozen=True, slots=True)
class EnvFilePointer:
    """The variable `variable` in the file `path`; `urls` are its values by side."""

    path: Path
    variable: str
    urls: dict[Side, str] = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the place in messages."""
        return f"{self.variable} in {self.path}"

    def prepare(self, writer: Side) -> None:
        """Check that the file names the writer, and that it can be replaced."""
        if (found := self.side()) is not writer:
            raise StepError(f"{self.name}: expected the DSN of the {writer}, found the {found}'s")
        if not os.access(self.path.parent, os.W_OK):
            raise StepError(f"{self.path.parent} cannot be written; {self.path} is replaced there")

    def side(self) -> Side:
        """Return the side whose DSN the file holds."""
        found = self.client_dsn()
        for side, url in self.urls.items():
            if found == url:
                return side
        raise ChangedError(
            f"{self.name} holds the DSN of neither side: somebody changed it; nothing was written"
        )

    def client_dsn(self) -> str:
        """Return the DSN in the file."""
        values = [value for line in self._lines() if (value := self._value(line)) is not None]
        if len(values) != 1:
            raise StepError(f"{self.name}: expected one line, found {len(values)}")
        return values[0]

    def switch(self, to: Side) -> None:
        """Write the DSN of a side."""
        if self.side() is to:
            return
        lines = [
            line if self._value(line) is None else f"{self._prefix(line)}{self.urls[to]}"
            for line in self._lines()
        ]
        try:
            replace_file(self.path, "\n".join([*lines, ""]))
        except OSError as error:
            raise StepError(f"{self.path} cannot be written: {error.strerror}") from error

    def tidy(self, writer: Side) -> None:
        """Do nothing: the file holds nothing else."""

    def restore(self, to: Side) -> None:
        """Write the DSN of a side: nothing is written to a file later."""
        self.switch(to)

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise StepError(f"{self.path} cannot be read: {reason}") from None

    def _prefix(self, line: str) -> str:
        return line[: line.index("=") + 1]

    def _value(self, line: str) -> str | None:
        """Return the variable's value in a line; None in all other lines."""
        name, found, value = line.removeprefix("export ").partition("=")
        value = value.strip()
        if not found or name.strip() != self.variable:
            return None
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        return value[1:-1] if quoted else value


def replace_file(path: Path, text: str) -> None:
    """Replace a file whole, with the old one's owner and mode, and sync it."""
    status = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            os.fchmod(handle, status.st_mode & 0o7777)
            if os.geteuid() == 0:
                os.fchown(handle, status.st_uid, status.st_gid)
            stream.write(text)
            stream.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
