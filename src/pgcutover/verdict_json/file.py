"""Reading and writing verdict.json; a file is replaced whole or not at all."""

import json
import os
import tempfile
from pathlib import Path

from pgcutover.errors import PgCutoverError
from pgcutover.verdict_json.document import Document, validate


def read_verdict(path: Path) -> Document:
    """Return the document in a verdict.json."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PgCutoverError(f"verdict document {path}: cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise PgCutoverError(f"verdict document {path}: expected a table, found {raw!r:.60}")
    return validate(raw)


def write_verdict(document: Document, path: Path) -> Path:
    """Write verdict.json, readable by everybody: it holds no secret."""
    return _write_atomically(verdict_bytes(document), path)


def verdict_bytes(document: Document) -> bytes:
    """Return the content of verdict.json; the sign-off page prints the SHA-256 of these bytes."""
    try:
        plain = document.model_dump(exclude_unset=True)
        text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PgCutoverError(f"verdict document: cannot be written as JSON: {error}") from error
    return f"{text}\n".encode("utf-8", "backslashreplace")


def write_text_atomically(text: str, path: Path) -> Path:
    """Write a text; an earlier file stays as it was unless the new one is complete."""
    return _write_atomically(text.encode("utf-8", "backslashreplace"), path)


def _write_atomically(data: bytes, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise PgCutoverError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
