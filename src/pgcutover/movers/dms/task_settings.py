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
    """How a task moves large values; `limit_kb` is None where nothing is cut."""

    supported: bool
    limit_kb: int | None

    def cuts(self, size_bytes: int) -> bool:
        """Whether a value of this size arrives truncated, or not at all."""
        if not self.supported:
            return True
        return self.limit_kb is not None and size_bytes > self.limit_kb * 1024


def with_lob_limit(task_settings: object, kb: int) -> dict[str, Any]:
    """A copy of the task settings in limited LOB mode with this limit."""
    if not 0 < kb <= MAX_LIMITED_LOB_KB:
        raise MoverError(
            f"limited LOB mode takes 1 to {MAX_LIMITED_LOB_KB} KB, asked for {kb} KB; move the "
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
    """What the settings say of large values; DMS's own defaults where they are silent."""
    metadata = _object(task_settings).get("TargetMetadata", {})
    full = bool(metadata.get("FullLobMode", False))
    return LobMode(
        bool(metadata.get("SupportLobs", True)),
        None if full else int(metadata.get("LobMaxSize", 32)),
    )


def staged(task_settings: object) -> bool:
    """Whether the task stops after the load, so that indexes and constraints can be made."""
    load = _object(task_settings).get("FullLoadSettings", {})
    return bool(load.get("StopTaskCachedChangesApplied", False))


def enabled(task_settings: object, section: str, switch: str) -> bool:
    """Whether a switch such as Logging.EnableLogging is on; DMS leaves it off by default."""
    return _object(task_settings).get(section, {}).get(switch) is True


def settings_differences(
    wanted: object, found: object, path: str = ""
) -> Iterator[tuple[str, object, object]]:
    """(setting, expected, found) wherever `found` contradicts `wanted`.

    DMS completes the document with its defaults, so only what was asked for is compared; null
    means that DMS decides. A LOB limit may be any that leaves the measured size room.
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
    """A JSON object that DMS answered with."""
    try:
        document = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise MoverError(f"{what}: DMS answered with something that is not JSON") from error
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
