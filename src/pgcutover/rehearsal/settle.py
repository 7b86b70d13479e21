"""Opens the change ledgers of a night, compares every table once, and settles for a while.

`python -m pgcutover.rehearsal.settle MIGRATION` prints how much was compared and how much is open,
and writes the open set beside the migration.
"""

import json
import secrets
import sys
import time
from contextlib import closing
from pathlib import Path

from pgcutover.catalog import Manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.compare.live.fence import MarkerFence
from pgcutover.config import Settings, load_settings
from pgcutover.config.dsn import require_dsn
from pgcutover.ledger.ledgers import open_ledgers
from pgcutover.ledger.model import OpenSet
from pgcutover.ledger.opening import parts_from
from pgcutover.mapping import RelationName

OPEN_SET = "open-set.json"
SETTLE_SECONDS = 3.0
_DRAIN_SECONDS = 30.0


def main() -> None:
    """Compare, and leave the ledgers for the cutover; exit code 1 where a table differs."""
    path = Path(sys.argv[1])
    settings = load_settings(path)
    parts = parts_from(settings)
    begun = time.monotonic()
    with closing(open_ledgers(parts)) as ledgers:
        ledgers.drain(time.monotonic() + _DRAIN_SECONDS)
        options = CompareOptions(
            salt=secrets.token_hex(16), log=ledgers.log, fence=_fence(settings, parts.manifest)
        )
        source, target = map(require_dsn, (settings.source.dsn_env, settings.target.dsn_env))
        with closing(Comparer(source, target, parts.manifest, options)) as comparer:
            found = [comparer.rows(table) for table in parts.manifest.tables]
        seconds = time.monotonic() - begun
        settled = time.monotonic() + SETTLE_SECONDS
        ledgers.run(lambda: time.monotonic() > settled, lambda _: None)
        opened = ledgers.open_set()
    path.with_name(OPEN_SET).write_text(json.dumps(_plain(opened), indent=1), "utf-8")
    sys.stderr.write(
        f"{len(found)} tables compared in {seconds:.1f} s; after {SETTLE_SECONDS:g} s more, "
        f"{opened.keys} keys written since are open\n"
    )
    raise SystemExit(any(found))


def _plain(found: OpenSet) -> dict[str, object]:
    return {
        "open_keys": found.keys,
        "oldest_seconds": round(found.oldest_seconds, 1),
        "grows_per_second": found.grows_per_second,
        "drains_per_second": found.drains_per_second,
        "forecast_seconds": found.forecast_seconds,
    }


def _fence(settings: Settings, manifest: Manifest) -> MarkerFence:
    """Return the fence that tells rows on their way from rows that differ."""
    name = RelationName(*settings.schema.marker_table.split(".", 1))
    marker = next(table for table in manifest.tables if table.source == name)
    return MarkerFence(
        require_dsn(settings.ledger.source_dsn_env),
        require_dsn(settings.target.dsn_env),
        marker.source,
        marker.target,
        _DRAIN_SECONDS,
    )


if __name__ == "__main__":
    main()
