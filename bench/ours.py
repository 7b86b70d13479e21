"""Runs one comparison by pgcutover in a separate process; reads the DSNs from the environment."""

import json
import os
import resource
import sys

from pgcutover.catalog import read_manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.compare.throttle.server_load import LoadLimits
from pgcutover.config import Budgets
from pgcutover.connect import open_session
from pgcutover.mapping import parse_rules


def main(schema: str, table: str, load: float) -> None:
    """Print the maximum resident set size in MB and the differences found, as JSON."""
    source_dsn, target_dsn = os.environ["BENCH_SOURCE"], os.environ["BENCH_TARGET"]
    budgets = Budgets()
    with open_session(source_dsn) as source, open_session(target_dsn) as target:
        manifest = read_manifest(source, target, _rules(schema, table))
    options = CompareOptions(
        salt="bench",
        connections=budgets.connections,
        chunk_seconds=budgets.chunk_seconds,
        source_limits=LoadLimits(load),
    )
    found: dict[str, int] = {}
    columns: set[str] = set()
    comparer = Comparer(source_dsn, target_dsn, manifest, options)
    for each in manifest.tables:
        comparer.counts(each)
        for finding in comparer.rows(each).findings():
            kind = finding.kind.removeprefix("rows ")
            found[kind] = found.get(kind, 0) + finding.evidence["count"]
            columns |= set(finding.evidence.get("columns", ()))
    comparer.close()
    answer = {
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "tables": len(manifest.tables),
        "found": found,
        "columns": sorted(columns),
    }
    print(json.dumps(answer))


def _rules(schema: str, table: str) -> object:
    locator = {"schema-name": schema, "table-name": table}
    rule = {
        "rule-type": "selection",
        "rule-id": "1",
        "rule-name": "1",
        "rule-action": "include",
        "object-locator": locator,
    }
    return parse_rules({"rules": [rule]}, "the bench's rules")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
