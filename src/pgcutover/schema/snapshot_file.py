"""Snapshots as files: kept as evidence, and compared later with a server or with each other."""

import json
from pathlib import Path

from pgcutover.errors import ConfigError
from pgcutover.schema.objects import Snapshot

FORMAT, VERSION = "pgcutover schema snapshot", 3
# 1 did not name the role that read it, 2 not the relations that were locked
_READABLE = (1, 2, VERSION)


def save(snapshot: Snapshot, path: Path) -> None:
    """Write it, with the folder; ConfigError where that is not possible."""
    text = f'{{"format": "{FORMAT}", "version": {VERSION}, "snapshot":\n{snapshot.to_json()}}}\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; name a file in a folder that can be written"
        ) from error


def load(path: Path) -> Snapshot:
    """Load what `save` wrote; ConfigError names anything else."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected a schema snapshot") from error
    except ValueError as error:
        raise _other(path, "no JSON") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise _other(path, "another kind of JSON")
    if told.get("version") not in _READABLE:
        raise _other(path, f"version {told.get('version')!r} of it, and this is for {VERSION}")
    try:
        return Snapshot.from_json(json.dumps(told["snapshot"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise _other(path, "one with parts missing or unknown") from error


def _other(path: Path, found: str) -> ConfigError:
    return ConfigError(
        f"{path}: expected a schema snapshot as `pgcutover schema snapshot` and the gate write it, "
        f"found {found}"
    )
