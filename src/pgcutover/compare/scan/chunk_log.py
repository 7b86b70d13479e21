"""What outlives an interrupted comparison, and what is told while it runs."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pgcutover import __version__
from pgcutover.catalog import Manifest
from pgcutover.compare.plan.model import Question, Side
from pgcutover.compare.scan.checkpoints import Checkpoints, Finished, TableCheckpoints
from pgcutover.compare.scan.key_domain import Cell
from pgcutover.progress import State


def untold(
    table: str, rows_done: int, rows_expected: int | None, state: State, note: str = ""
) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """What an earlier run had finished: chunks, their rows, when the oldest was read."""

    chunks: int
    rows: int
    oldest_read_at: str


@dataclass(slots=True)
class Keeper:
    """One table's chunks on disk: ranges of positions, their rows, cells that differed."""

    kept: TableCheckpoints
    chunks: list[Cell] = field(default_factory=list)
    suspects: list[Cell] = field(default_factory=list)
    resumed: Resumed | None = None

    @property
    def notes(self) -> dict[str, str]:
        """Why chunks of an earlier run were worthless, or are not kept any more."""
        notes = {"checkpoints_stale": self.kept.stale, "checkpoints_ended": self.kept.note}
        return {name: text for name, text in notes.items() if text}

    def record(self, chunk: Cell, rows: int, differing: list[Cell]) -> None:
        """Keep a chunk of which all is counted."""
        payload = {
            "range": [chunk.first, chunk.last],
            "rows": rows,
            "differing": [[c.first, c.last] for c in differing],
        }
        self.kept.record(f"{chunk.first}:{chunk.last}", payload)


@contextmanager
def keeping(checkpoints: Checkpoints, question: Question, fingerprint: str) -> Iterator[Keeper]:
    """The table's checkpoints while it is read; marked as done when it was read to its end."""
    with checkpoints.open(question.name, fingerprint) as kept:
        keeper = Keeper(kept)
        if kept.state is None:
            kept.begin({})
        else:
            _take_up(keeper, kept.finished)
        yield keeper
        kept.done()


def fingerprint(manifest: Manifest, question: Question, config_sha256: str) -> str:
    """SHA-256 over everything that would make an older chunk worthless."""
    parts: list[Any] = [__version__, config_sha256, question.method, question.methods]
    for facts, side in (
        (manifest.source, question.source),
        (manifest.target, question.target),
    ):
        parts += [facts.system_identifier, facts.database_oid, facts.server_version_num]
        parts += _definition(side)
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _definition(side: Side) -> list[Any]:
    table, types = side.table, side.facts.types
    columns = [[c, types[c].schema, types[c].name] for c in table.columns]
    return [str(table.name), table.key, columns, sorted(side.facts.not_null), side.facts.kind]


def _take_up(keeper: Keeper, finished: Mapping[str, Finished]) -> None:
    for chunk in finished.values():
        keeper.chunks.append(Cell(*chunk.payload["range"]))
        keeper.suspects += [Cell(*cell) for cell in chunk.payload["differing"]]
    if finished:
        keeper.resumed = Resumed(
            len(finished),
            sum(chunk.payload["rows"] for chunk in finished.values()),
            min(chunk.read_at for chunk in finished.values()).isoformat(timespec="seconds"),
        )
