"""The ledgers of both sides: what freeze, cutover and the command line call."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from pgcutover.catalog import Manifest
from pgcutover.compare import Comparer, TableOptions
from pgcutover.compare.snapshots import Taken
from pgcutover.config import Ledger
from pgcutover.connect import Connection, open_owner
from pgcutover.error_texts.database_errors import describe_error
from pgcutover.errors import AnotherServerError, ServerError, UnreadableError
from pgcutover.ledger import coverage
from pgcutover.ledger.comparison_log import LedgerLog
from pgcutover.ledger.identity import find_slot_fault
from pgcutover.ledger.model import Compared, Label, OpenSet, Proof, SettleResult
from pgcutover.ledger.open_set import add_sample, read_open_set
from pgcutover.ledger.reading import slot
from pgcutover.ledger.reading.reader import SlotReader
from pgcutover.ledger.reading.watch import Watch
from pgcutover.ledger.settle import Settler
from pgcutover.ledger.store import Store
from pgcutover.ledger.tables import FollowPlan, Member, plan_tables, read_fingerprint, read_members
from pgcutover.ledger.visibility import Snapshot
from pgcutover.mapping import RelationName
from pgcutover.sides import Sides
from pgcutover.verdict import Verdict

_LABELS: Sides[Label] = Sides("source", "target")
_READ_SECONDS = 0.05
_CHECK_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0
_IDLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LedgerParts:
    """Everything that the ledgers of a migration are made of.

    `dsns` are of the roles that own slots and tables; `comparer` reads with its own roles.
    """

    config: Ledger
    dsns: Sides[str] = field(repr=False)
    manifest: Manifest = field(repr=False)
    comparer: Comparer = field(repr=False)
    path: Path
    options: Mapping[str, TableOptions] = field(default_factory=dict)


def open_ledgers(parts: LedgerParts, *, anew: bool = False) -> "Ledgers":
    """Create or resume the slots of both sides; `anew` forgets everything that was recorded.

    UnreadableError where a slot is not the one that was recorded; the proof stays UNKNOWN until
    the ledgers are begun anew. ServerError where a slot cannot be created.
    """
    store = Store(parts.path)
    try:
        ledgers = Ledgers(parts, store)
        ledgers.open(anew=anew)
    except BaseException:
        store.close()
        raise
    return ledgers


class Ledgers:
    """The change ledgers of both sides and their settlement.

    Readers, settlement and `record_comparison` may be called from different threads.
    """

    def __init__(self, parts: LedgerParts, store: Store) -> None:
        """Plan which tables are followed; nothing is created yet."""
        self._parts, self.store = parts, store
        self._watches = _LABELS.combine(parts.dsns, Watch)
        self._tables = {str(table): table for table in parts.manifest.tables}
        self.plan = self._plan()
        self._readers = _LABELS.map(self._reader)
        followed = {name: self._tables[name] for name in self.plan.tables}
        self._settler = Settler(store, parts.comparer, followed)
        self.log = LedgerLog(store, parts.config.slot)

    def open(self, *, anew: bool = False) -> None:
        """Create the slots, or check the identity of those that were recorded."""
        if anew:
            self.drop()
        for label in _LABELS:
            self._open_side(label)
        self.store.set_plan(dict.fromkeys(self._tables, "") | dict(self.plan.unfollowed))

    def close(self) -> None:
        """Close all connections and the store; the slots keep their WAL for the next start."""
        for reader in self._readers:
            reader.close()
        for watch in self._watches:
            watch.close()
        self._parts.comparer.close()
        self.store.close()

    def drop(self) -> None:
        """Drop slots and publications on both sides, and forget what was recorded."""
        for label, reader in zip(_LABELS, self._readers, strict=True):
            reader.close()
            with closing(open_owner(getattr(self._parts.dsns, label))) as connection:
                slot.drop(connection, self._parts.config.slot)
            self.store.forget_side(label)

    def read_once(self) -> int:
        """Record everything that both servers can send now; return the number of changes."""
        return sum(reader.read(_READ_SECONDS) for reader in self._readers)

    def drain_to(self, side: Label, lsn: int, deadline: float) -> None:
        """Record everything of a side up to a position, by a deadline of time.monotonic().

        UnreadableError after the deadline, or where changes may be missing.
        """
        getattr(self._readers, side).read_to(lsn, deadline)

    def drain(self, deadline: float) -> None:
        """Record everything that was committed on both sides when this is called."""
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(r.read_to, r.end_of_wal(), deadline) for r in self._readers]
            for job in jobs:
                job.result()

    def settle_once(self, limit: int | None = None, *, wait: bool = True) -> SettleResult:
        """Compare up to `limit` open keys again; with `wait`, none that has just differed."""
        return self._settler.settle(limit or self._parts.config.batch_keys, wait=wait)

    def settle_all(self, deadline: float) -> SettleResult:
        """Compare every open key once more, when nothing moves; by a time.monotonic() deadline.

        UnreadableError after the deadline.
        """
        total, found = SettleResult(), self.open_set()
        wanted = sum(n for name, n in found.by_table.items() if name not in found.whole_tables)
        while total.compared < wanted and (batch := self.settle_once(wait=False)).compared:
            total = total.plus(batch)
            if time.monotonic() > deadline:
                raise UnreadableError(
                    f"expected {wanted} open keys to be compared within the freeze, found time "
                    f"for {total.compared}"
                )
        return total

    def record_comparison(self, table: str, source_snapshot: Taken, target_snapshot: Taken) -> None:
        """Record that a whole table was found equal in these snapshots.

        UnreadableError if they are of a standby or another server, or older than a comparison of
        the table that was used before. The table's definition is read now, so call it for a table
        that is locked; the engine's own comparisons keep it with their snapshots.
        """
        taken = Sides(source_snapshot, target_snapshot)
        compared = Compared(table, taken, taken)
        if reason := coverage.record_comparison(self.store, compared, self._fingerprints(table)):
            raise UnreadableError(reason)

    def run(self, stop: Callable[[], bool], report: Callable[["Ledgers"], None]) -> None:
        """Read both slots and settle until `stop` returns true; `report` is called now and then.

        A reader's error ends the run after both readers have ended.
        """
        with ThreadPoolExecutor(2) as pool:
            ended: list[bool] = []
            jobs = [pool.submit(self._follow, r, lambda: bool(ended)) for r in self._readers]
            try:
                self._settle_until(lambda: stop() or any(job.done() for job in jobs), report)
            finally:
                ended.append(True)
            for job in jobs:
                job.result()

    def check_definitions(self) -> dict[str, str]:
        """Return, and record, the tables whose definition is not that of their comparison."""
        rows = self.store.fetch(
            "select name, fingerprint_source, fingerprint_target from compared"
            " where baseline_source is not null"
        )
        known = {name: Sides(*pair) for name, *pair in rows if name in self._tables}
        altered = {
            name: "it was altered, truncated or rewritten since it was compared"
            for name, found in self._all_fingerprints([*known]).items()
            if found != known[name]
        }
        self.store.set_altered(altered)
        return altered

    def open_set(self) -> OpenSet:
        """Return the keys and tables that are not proven equal, with rates and forecast."""
        return read_open_set(self.store, self._tables, self.plan.unfollowed)

    def proof(self, compared: Collection[str] = ()) -> Proof:
        """Return the verdict; call it after freeze and drain, when nothing moves.

        `compared` are tables whose rows have all been compared since, and found equal. PASS if
        every row of every table is proven equal. FAIL if keys differ although every change of them
        had ended when they were compared. Everything else is UNKNOWN.
        """
        self.check_definitions()
        for label in _LABELS:
            self._check_identity(label)
        return self.judge(compared)

    def judge(self, compared: Collection[str] = ()) -> Proof:
        """Return the verdict from what is recorded; keys of `whole_tables` are not compared."""
        found = self.open_set()
        differing = dict(
            self.store.fetch(
                "select a.name, count(*) from attempt a where a.covered and exists (select 1 from"
                " change c where c.name = a.name and c.key = a.key) group by a.name"
            )
        )
        differing = {n: keys for n, keys in differing.items() if n not in found.whole_tables}
        whole = {n: why for n, why in found.whole_tables.items() if n not in compared}
        reasons = [*self.faults(), *self._settler.unreadable.values()]
        reasons += [f"{name}: {why}" for name, why in whole.items()]
        if found.keys:
            reasons.append(f"{found.keys} changed keys are not proven equal")
        if differing:
            return Proof(Verdict.FAIL, tuple(reasons), differing, whole)
        verdict = Verdict.UNKNOWN if reasons else Verdict.PASS
        return Proof(verdict, tuple(reasons), {}, whole)

    def faults(self) -> list[str]:
        """Return the reasons why changes may be missing from the ledgers."""
        return [fault for label in _LABELS if (fault := self.store.fault(label))]

    def read_slots(self) -> Sides[slot.SlotFacts | None]:
        """Return the slots as their servers show them."""

        def read(watch: Watch) -> slot.SlotFacts | None:
            with watch.look() as connection:
                return slot.read_slot(connection, self._parts.config.slot)

        return self._watches.map(read)

    def warnings(self, slots: Sides[slot.SlotFacts | None]) -> list[str]:
        """Return the slots that retain too much WAL, and the last trouble of a reader."""
        limit = self._parts.config.max_retained_wal_mb
        found = [
            warning
            for label, facts in zip(_LABELS, slots, strict=True)
            if facts and (warning := slot.describe_retained(label, facts, limit))
        ]
        return [*found, *filter(None, [self.store.note()])]

    def _plan(self) -> FollowPlan:
        manifest = self._parts.manifest
        roots = Sides([t.source for t in manifest.tables], [t.target for t in manifest.tables])

        def members(watch: Watch, names: Sequence[RelationName]) -> list[Member]:
            with watch.look() as connection:
                return read_members(connection, names)

        found = self._watches.combine(roots, members)
        return plan_tables(manifest, self._parts.options, found, manifest.tables)

    def _reader(self, label: Label) -> SlotReader:
        tables = self.plan.tables.values()
        return SlotReader(
            label,
            getattr(self._parts.dsns, label),
            self.store,
            {getattr(t.relations, label): t.name for t in tables},
            {t.name: getattr(t.keys, label) for t in tables},
        )

    def _open_side(self, label: Label) -> None:
        reader: SlotReader = getattr(self._readers, label)
        with closing(open_owner(getattr(self._parts.dsns, label))) as connection:
            slot.read_server(connection, label)  # refuses a standby
            if self.store.slot_state(label) is None:
                self._create(label, connection)
                return
            reader.verify()
            if added := self._publish(label, connection):
                self._begin_tables(label, connection, added)

    def _create(self, label: Label, connection: Connection) -> None:
        name = self._parts.config.slot
        if slot.read_slot(connection, name) is not None:
            raise ServerError(
                f"{label}: slot {name} exists, but nothing was recorded from it; if no other "
                'migration uses it, run "pgcutover ledger run --anew", else set slot in [ledger]'
            )
        # the publication first: a slot sends what was published when a row was written
        try:
            self._publish(label, connection)
            timeout = self._parts.config.create_timeout_seconds
            state = slot.create_slot(connection, label, name, timeout)
        except psycopg.Error as error:
            raise slot.explain_refusal(label, f"slot or publication {name}", error) from error
        self.store.begin_side(label, state)

    def _publish(self, label: Label, connection: Connection) -> list[RelationName]:
        roots = [getattr(t.relations, label) for t in self.plan.tables.values()]
        if not roots:
            raise UnreadableError(f"{label}: no table can be followed; see pgcutover ledger status")
        leaves = [m.name for m in read_members(connection, roots) if m.kind == "r"]
        members = slot.published_members(connection, roots, leaves)
        return slot.publish(connection, self._parts.config.slot, members)

    def _begin_tables(
        self, label: Label, connection: Connection, added: Sequence[RelationName]
    ) -> None:
        """Require new comparisons of tables that were published after the slot was created.

        Rows that a transaction wrote before are not sent, so it must have ended before the
        comparison.
        """
        floor = Snapshot.parse(slot.read_server(connection, label).snapshot).after_all_known()
        roots = {getattr(t.relations, label): t for t in self.plan.tables.values()}
        members = read_members(connection, [*roots])
        changed = {m.root for m in members if m.name in added or m.root in added}
        for root, table in roots.items():
            if root in changed:
                coverage.raise_floor(self.store, table.name, label, floor)

    def _follow(self, reader: SlotReader, stop: Callable[[], bool]) -> None:
        """Read at least once, so that a short run records what there is."""
        while True:
            with self._noting_trouble():
                reader.read(_READ_SECONDS, stop)
            if stop():
                return

    def _settle_until(self, stop: Callable[[], bool], report: Callable[["Ledgers"], None]) -> None:
        checked_at = -_CHECK_SECONDS
        while not stop():
            with self._noting_trouble():
                if time.monotonic() - checked_at >= _CHECK_SECONDS:
                    self.check_definitions()
                    add_sample(self.store)
                    report(self)
                    checked_at = time.monotonic()
                if not self.settle_once().compared:
                    time.sleep(_IDLE_SECONDS)

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        """Note an error that may pass, such as a lost connection, and wait a little.

        A fault of a slot does not pass, and a restarted server is another one to this process.
        """
        try:
            yield
        except AnotherServerError:
            raise
        except (ServerError, psycopg.Error) as error:
            self._note(error)
        except UnreadableError as error:
            if self.faults():
                raise
            self._note(error)

    def _note(self, error: Exception) -> None:
        text = describe_error(error) if isinstance(error, psycopg.Error) else str(error)
        self.store.set_note(text)
        time.sleep(_RECONNECT_SECONDS)

    def _check_identity(self, label: Label) -> None:
        if fault := find_slot_fault(self.store, label, getattr(self._watches, label)):
            self.store.set_fault(label, fault)

    def _fingerprints(self, table: str) -> Sides[str]:
        return self._all_fingerprints([table])[table]

    def _all_fingerprints(self, tables: Sequence[str]) -> dict[str, Sides[str]]:
        def read(label: Label) -> list[str]:
            watch: Watch = getattr(self._watches, label)
            with watch.look() as connection:
                names = [getattr(self._tables[table], label) for table in tables]
                return [read_fingerprint(connection, n, self._parts.config.slot) for n in names]

        source, target = _LABELS.map(read)
        return {table: Sides(*pair) for table, *pair in zip(tables, source, target, strict=True)}
