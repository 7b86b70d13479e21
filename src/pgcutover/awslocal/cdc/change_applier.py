"""Reads the source's changes from the slot, applies them in commit order, then confirms them."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pgcutover.awslocal.cdc.relation_dml import RelationDml, match_columns
from pgcutover.awslocal.cdc.slot_changes import SlotChanges
from pgcutover.awslocal.cdc.target_writer import Pending, TargetWriter
from pgcutover.awslocal.dms_api.table_mappings import Name
from pgcutover.awslocal.dms_api.task_settings import TaskSettings
from pgcutover.awslocal.mapping.table_plan import TablePlan, dotted
from pgcutover.awslocal.task.endpoint_connection import Connection
from pgcutover.awslocal.task.errors import TableFailed, TaskFailed
from pgcutover.awslocal.task.latency import Latency
from pgcutover.awslocal.task.slots import advance, flushed_lsn
from pgcutover.awslocal.task.task_log import TaskLog
from pgcutover.pgoutput.messages import (
    Begin,
    Commit,
    Delete,
    Insert,
    Message,
    Relation,
    Truncate,
    Update,
)

_BATCH_CHANGES = 10_000


@dataclass(slots=True)
class Progress:
    """The applier's position; a table's conflicts before its `lenient_before` are ignored."""

    position: int
    starts: dict[Name, int]
    plans: dict[Name, TablePlan]
    suspended: set[Name] = field(default_factory=set)
    lenient_before: dict[Name, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Callbacks of the applier."""

    applied: Callable[[Mapping[tuple[Name, str], int]], None]
    mark_changed: Callable[[RelationDml, Insert | Update | Delete], None]
    suspend: Callable[[Name, str], None]
    replan: Callable[[Name], TablePlan]


class ChangeApplier:
    """Applies the slot's changes batch by batch."""

    def __init__(
        self,
        source: Connection,
        writer: TargetWriter,
        slot: str,
        changes: SlotChanges,
        progress: Progress,
        settings: TaskSettings,
        log: TaskLog,
        latency: Latency,
        hooks: Callbacks,
    ) -> None:
        """`progress` is shared with the code that plans and suspends tables."""
        self._source = source
        self._writer = writer
        self._slot, self._changes = slot, changes
        self._progress = progress
        self._settings = settings
        self._log = log
        self._hooks = hooks
        self._dml: dict[int, RelationDml | None] = {}
        self._relations: dict[int, Relation] = {}
        self._warned: Counter[tuple[Name, str]] = Counter()
        self._captured: Counter[tuple[Name, str]] = Counter()
        self._begin: Begin | None = None
        self._reached = progress.position
        self._applied_before = progress.position
        self._uncommitted = 0
        self._seen_lsn = -1
        self.latency = latency

    def step(self) -> bool:
        """Apply the available changes; return False if there were none."""
        self.latency.asking_since = time.time()
        flushed = flushed_lsn(self._source)
        if flushed == self._seen_lsn:
            self._idle()
            return False
        changes = self._read_batch()
        if changes < _BATCH_CHANGES:
            self._seen_lsn = flushed
            self._progress.position = max(self._progress.position, flushed)
        advance(self._source, self._slot, self._progress.position)
        self._idle()
        return changes > 0

    def _idle(self) -> None:
        self.latency.asking_since = None
        self.latency.waiting = 0

    def _read_batch(self) -> int:
        changes = 0
        self._applied_before = self._reached = self._progress.position
        for message in self._changes.read(self._source, _BATCH_CHANGES):
            self.latency.asking_since = None
            self._take(message)
            changes += 1
        self._commit()
        return changes

    def _take(self, message: Message) -> None:
        if isinstance(message, Begin):
            self._begin_transaction(message)
        elif isinstance(message, Commit):
            self._end_transaction(message)
        elif isinstance(message, Relation):
            self._learn(message)
        elif isinstance(message, Truncate):
            for oid in message.relation_oids:
                self._truncate(oid)
        elif isinstance(message, Insert | Update | Delete):
            self._change(message)

    def _begin_transaction(self, message: Begin) -> None:
        self._begin = message
        moment = message.committed_at.timestamp()
        self.latency.source = max(0.0, time.time() - moment)
        if self.latency.oldest_uncommitted is None:
            self.latency.oldest_uncommitted = moment

    def _end_transaction(self, message: Commit) -> None:
        self._begin = None
        self._reached = max(self._reached, message.end_lsn)
        if self._uncommitted >= self._settings.of("ChangeProcessingTuning", "MinTransactionSize"):
            self._commit()

    def _commit(self) -> None:
        counts = self._writer.commit(self._reached)
        self._progress.position = self._reached
        counts.update(self._captured)
        self._captured.clear()
        self._uncommitted = 0
        if self.latency.oldest_uncommitted is not None:
            self.latency.target = max(0.0, time.time() - self.latency.oldest_uncommitted)
        else:
            self.latency.source = self.latency.target = 0.0
        self.latency.oldest_uncommitted = None
        self._hooks.applied(counts)

    def _learn(self, relation: Relation) -> None:
        if self._relations.get(relation.oid) == relation and self._dml.get(relation.oid):
            return
        self._writer.flush()
        self._relations[relation.oid] = relation
        self._dml[relation.oid] = self._match_columns(relation)

    def _match_columns(self, relation: Relation) -> RelationDml | None:
        name = (relation.schema, relation.name)
        plan = self._progress.plans.get(name)
        if plan is None or name in self._progress.suspended:
            return None
        try:
            if {c.name for c in relation.columns} - {c.name for c in plan.table.columns}:
                plan = self._progress.plans[name] = self._hooks.replan(name)
            return match_columns(relation, plan)
        except TableFailed as error:
            self._hooks.suspend(name, str(error))
            return None

    def roll_back(self) -> None:
        """Discard the current batch; it will be read again."""
        self._writer.roll_back()
        self._captured.clear()
        self._begin, self._uncommitted, self._seen_lsn = None, 0, -1
        self.latency.oldest_uncommitted = None

    def rematch_relations(self) -> None:
        """Match relations to the changed plans again."""
        self._dml.clear()

    def _current(self, oid: int) -> RelationDml | None:
        """Return the relation's DML, or None if the table or transaction is not applied."""
        dml = self._dml.get(oid)
        if dml is None or self._begin is None:
            return None
        if dml.table in self._progress.suspended:
            return None
        start = self._progress.starts.get(dml.table, 0)
        return dml if self._begin.final_lsn >= max(start, self._applied_before) else None

    def _change(self, change: Insert | Update | Delete) -> None:
        dml = self._current(change.relation_oid)
        if dml is None:
            return
        self.latency.waiting += 1
        self._uncommitted += 1
        counter = {Insert: "Inserts", Update: "Updates", Delete: "Deletes"}[type(change)]
        self._captured[dml.table, counter] += 1
        pending = self._pending(dml, change)
        if pending is not None:
            self._note_cut(dml, pending.statement.cut)
            self._writer.add(pending)
            self._hooks.mark_changed(dml, change)

    def _pending(self, dml: RelationDml, change: Insert | Update | Delete) -> Pending | None:
        lenient_before = self._progress.lenient_before.get(dml.table, 0)
        cached = bool(self._begin and self._begin.final_lsn < lenient_before)
        if isinstance(change, Insert):
            return Pending(dml.insert(change), dml, change.new, cached)
        if not dml.plan.table.key or not dml.identity:
            self._warn(dml, "no key", "UPDATE and DELETE are ignored: it has no primary key")
            return None
        if isinstance(change, Delete):
            return Pending(dml.delete(change), dml, None, cached)
        if dml.moves_key(change):
            self._warn(dml, "key change", "an UPDATE of the primary key is ignored")
            return None
        statement = dml.update(change)
        return Pending(statement, dml, change.new, cached) if statement else None

    def _truncate(self, oid: int) -> None:
        dml = self._current(oid)
        if dml is None:
            return
        self._uncommitted += 1
        self._captured[dml.table, "Ddls"] += 1
        if self._settings.of("ErrorBehavior", "ApplyErrorFailOnTruncationDdl"):
            raise TaskFailed(f"{dotted(dml.table)} was truncated on the source")
        if self._settings.of("ChangeProcessingDdlHandlingPolicy", "HandleSourceTableTruncated"):
            self._writer.truncate(dml)
        else:
            self._warn(dml, "truncate", "TRUNCATE is ignored: HandleSourceTableTruncated")

    def _note_cut(self, dml: RelationDml, columns: tuple[str, ...]) -> None:
        for column in columns:
            self._warn(
                dml, f"cut {column}", f"a LOB of column {column} was truncated to LobMaxSize"
            )

    def _warn(self, dml: RelationDml, what: str, text: str) -> None:
        self._warned[dml.table, what] += 1
        if self._warned[dml.table, what] == 1:
            self._log.warning("TARGET_APPLY", f"table {dotted(dml.table)}: {text}")
