"""Integrity by the change ledger: keys that still differ long after their last change."""

import time
from contextlib import closing

from pgcutover.config import Settings
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.ledger.ledgers import Ledgers
from pgcutover.ledger.opening import parts_from
from pgcutover.ledger.store import Store
from pgcutover.text.words import agree, count_noun
from pgcutover.verdict import Finding

# a change takes a while to the other side, so only keys that have not changed for long count
_DIFFERING = """
select name, count(*) from (
  select a.name, a.key from attempt a join change c on c.name = a.name and c.key = a.key
  where a.covered group by a.name, a.key having max(c.at) < ?)
group by name order by name
"""


def ledger_diff(settings: Settings, max_open_seconds: float) -> Diff:
    """Return the tables with keys that differ; UnreadableError where the ledger cannot say."""
    parts = parts_from(settings)
    if not parts.path.exists():
        raise UnreadableError('no change was recorded; run "pgcutover ledger run" as a service')
    with closing(Ledgers(parts, Store(parts.path))) as ledgers:
        rows = ledgers.store.fetch(_DIFFERING, time.time() - max_open_seconds)
        found, reasons = ledgers.open_set(), ledgers.faults()
    if not rows and reasons:
        raise UnreadableError("; ".join(reasons))
    if not rows and found.whole_tables:
        name, reason = next(iter(found.whole_tables.items()))
        others = len(found.whole_tables) - 1
        more = f", and {count_noun(others, 'more table')}" if others else ""
        raise UnreadableError(f"not followed by the ledger: {name}{more}: {reason}")
    if not rows and found.oldest_seconds > max_open_seconds:
        raise UnreadableError(
            f"the oldest changed key is open for {found.oldest_seconds:.0f} s; expected at most "
            f'{max_open_seconds:g} s: see that "pgcutover ledger run" and the reverse mover run'
        )
    differing = tuple(_finding(str(name), keys, max_open_seconds) for name, keys in rows)
    return Diff("*", differing, {"open_keys": found.keys})


def _finding(name: str, keys: int, seconds: float) -> Finding:
    differing = f"{count_noun(keys, 'key')} {agree(keys, 'differs', 'differ')}"
    message = (
        f"{name}: {differing} {seconds:g} s after the last change of it; a rollback would lose "
        "what the old side lacks: see that the reverse mover runs, and who else writes"
    )
    return finding(name, "sides differ", message, keys=keys)
