"""Records the finished chunks of one table, so that an interrupted scan can be resumed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pgcutover import __version__
from pgcutover.catalog import Manifest
from pgcutover.compare.plan.key_domain import KeyRange
from pgcutover.compare.plan.model import TableComparison, TableSide
from pgcutover.compare.scan.checkpoints import Finished, TableCheckpoints
from pgcutover.progress import State


def no_progress(
    table: str, rows_done: int, rows_expected: int | None, state: State, note: str = ""
) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The chunks and rows that an earlier run finished, and when it read the oldest chunk."""

    chunks: int
    rows: int
    oldest_read_at: str


@dataclass(slots=True)
class ChunkLog:
    """One table's finished chunks: ranges of ordinals, their rows, and ranges that differed."""

    kept: TableCheckpoints
    chunks: list[KeyRange] = field(default_factory=list)
    suspects: list[KeyRange] = field(default_factory=list)
    resumed: Resumed | None = None

    @property
    def notes(self) -> dict[str, str]:
        """The reasons why earlier chunks were not used, or chunks are no longer recorded."""
        notes = {"checkpoints_stale": self.kept.stale, "checkpoints_ended": self.kept.note}
        return {name: text for name, text in notes.items() if text}

    def record(self, chunk: KeyRange, rows: int, differing: list[KeyRange]) -> None:
        """Record a chunk whose rows are all counted."""
        payload = {
            "range": [chunk.first, chunk.last],
            "rows": rows,
            "differing": [[r.first, r.last] for r in differing],
        }
        self.kept.record(f"{chunk.first}:{chunk.last}", payload)


def open_chunk_log(kept: TableCheckpoints, fingerprint: str) -> ChunkLog:
    """Return the table's chunk log, with the chunks that an earlier run finished."""
    kept.begin(fingerprint)
    log = ChunkLog(kept)
    _take_over(log, kept.finished)
    return log


def fingerprint(manifest: Manifest, comparison: TableComparison, config_sha256: str) -> str:
    """Return the SHA-256 of everything that invalidates an older chunk when it changes."""
    parts: list[Any] = [__version__, config_sha256, comparison.method, comparison.methods]
    for server, side in zip((manifest.source, manifest.target), comparison.sides, strict=True):
        parts += [server.system_identifier, server.database_oid, server.server_version_num]
        parts += _definition(side)
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _definition(side: TableSide) -> list[Any]:
    table, types = side.table, side.stats.types
    columns = [[c, types[c].schema, types[c].name] for c in table.columns]
    return [str(table.name), table.key, columns, sorted(side.stats.not_null), side.stats.kind]


def _take_over(log: ChunkLog, finished: Mapping[str, Finished]) -> None:
    for chunk in finished.values():
        log.chunks.append(KeyRange(*chunk.payload["range"]))
        log.suspects += [KeyRange(*r) for r in chunk.payload["differing"]]
    if finished:
        log.resumed = Resumed(
            len(finished),
            sum(chunk.payload["rows"] for chunk in finished.values()),
            min(chunk.read_at for chunk in finished.values()).isoformat(timespec="seconds"),
        )
