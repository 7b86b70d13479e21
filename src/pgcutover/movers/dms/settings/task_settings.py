"""The task-settings document of a DMS task: pure functions over plain JSON."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pgcutover.errors import MoverError

MAX_LIMITED_LOB_KB = 102_400  # DMS user guide, "Setting LOB support": 100 MB


@dataclass(frozen=True, slots=True)
class LobMode:
    """The way in which a task moves large values; `limit_kb` is None if nothing is truncated."""

    supported: bool
    limit_kb: int | None

    def truncates(self, size_bytes: int) -> bool:
        """Tell if a value of this size is truncated, or not moved at all."""
        if not self.supported:
            return True
        return self.limit_kb is not None and size_bytes > self.limit_kb * 1024


def with_lob_limit(task_settings: object, kb: int) -> dict[str, Any]:
    """Return a copy of the task settings in limited LOB mode with this limit."""
    if not 0 < kb <= MAX_LIMITED_LOB_KB:
        raise MoverError(
            f"limited LOB mode takes 1 to {MAX_LIMITED_LOB_KB} KB, found {kb} KB; move the "
            "table with the largest values by a task of its own in full LOB mode"
        )
    settings = copy.deepcopy(_object(task_settings))
    settings["TargetMetadata"] = {
        **settings.get("TargetMetadata", {}),
        "SupportLobs": True,
        "FullLobMode": False,
        "LimitedSizeLobMode": True,
        "LobMaxSize": kb,
    }
    return settings


def lob_mode(task_settings: object) -> LobMode:
    """Return the LOB mode of the settings, completed with DMS's defaults."""
    metadata = _object(task_settings).get("TargetMetadata", {})
    full = bool(metadata.get("FullLobMode", False))
    return LobMode(
        bool(metadata.get("SupportLobs", True)),
        None if full else int(metadata.get("LobMaxSize", 32)),
    )


def stops_after_load(task_settings: object) -> bool:
    """Tell if the task stops after the load, so that indexes and constraints can be created."""
    load = _object(task_settings).get("FullLoadSettings", {})
    return bool(load.get("StopTaskCachedChangesApplied", False))


def is_enabled(task_settings: object, section: str, switch: str) -> bool:
    """Tell if a setting such as Logging.EnableLogging is on; the default is off."""
    return _object(task_settings).get(section, {}).get(switch) is True


def settings_differences(
    wanted: object, found: object, path: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Yield (setting, expected, found) for each setting of `wanted` that `found` contradicts.

    DMS completes the document with its defaults, so other settings are not compared; null means
    that DMS decides. A LOB limit may be lower, down to the measured size.
    """
    if wanted is None:
        return
    if isinstance(wanted, Mapping):
        inner = found if isinstance(found, Mapping) else {}
        for key, value in wanted.items():
            yield from settings_differences(value, inner.get(key), f"{path}.{key}".strip("."))
    elif path.endswith("LobMaxSize") and isinstance(found, int) and isinstance(wanted, int):
        if found * LOB_HEADROOM < wanted:
            yield path, wanted, found
    elif isinstance(wanted, list) and isinstance(found, list):
        if not all(_contains(found, item) for item in wanted):
            yield path, wanted, found
    elif wanted != found:
        yield path, wanted, found


LOB_HEADROOM = 2  # values grow between the day they are measured and the night of the cutover


def parse_document(text: str | None, what: str) -> dict[str, Any]:
    """Return a JSON object of DMS."""
    try:
        document = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise MoverError(f"{what}: expected JSON from DMS, found something else") from error
    return _object(document)


def _contains(found: list[object], item: object) -> bool:
    if isinstance(item, Mapping) and "Id" in item:
        same = [f for f in found if isinstance(f, Mapping) and f.get("Id") == item["Id"]]
        return any(not list(settings_differences(item, f)) for f in same)
    return item in found


def _object(document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise MoverError(
            "task settings and table mappings: expected a JSON object as DMS takes it, found "
            f"{type(document).__name__}"
        )
    return document
