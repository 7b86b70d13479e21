"""The benchmarks, by name: `tox -e bench -- compare --json FILE`."""

import argparse
import sys
from pathlib import Path
from typing import Any

import compare
import differing
import dualwrite
import freeze
import gate
import schema


def main() -> int:
    """Run one benchmark; return 3, with a sentence on stderr, if it cannot run."""
    parser = argparse.ArgumentParser(prog="tox -e bench --", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")
    own = benches.add_parser("compare", help="rows of one table, on two servers, against peers")
    own.add_argument("--rows", type=int, default=5_000_000, help="default: 5,000,000")
    own.add_argument("--runs", type=int, default=3, help="of each; default: 3")
    own.add_argument("--only", nargs="+", choices=compare.PARTS, default=list(compare.PARTS))
    own.add_argument("--json", type=Path, help="where every figure is written")
    own.add_argument("--work", type=Path, help="where peers are installed; default: temporary")
    own.add_argument("--note", help="what else the results should say of this run")
    own.add_argument("--results", action="store_true", help="write RESULTS.md and compare.svg too")
    own.set_defaults(run=compare.run)
    own = benches.add_parser("schema", help="many tables: reading both schemas, against pg_dump")
    own.add_argument("--tables", type=int, default=1_500, help="default: 1,500")
    own.add_argument("--runs", type=int, default=3, help="after one that warms up; default: 3")
    own.add_argument("--json", type=Path, help="where every figure is written")
    own.set_defaults(run=schema.run)
    own = benches.add_parser("gate", help="a whole gate: many partitions, many empty tables")
    own.add_argument("--partitions", type=int, default=2_000, help="default: 2,000")
    own.add_argument("--tables", type=int, default=500, help="default: 500")
    own.add_argument("--runs", type=int, default=1, help="default: 1")
    own.add_argument("--json", type=Path, help="where every figure is written")
    own.set_defaults(run=gate.run)
    own = benches.add_parser("differing", help="differing tables, and great values that differ")
    own.add_argument("--json", type=Path, help="where every figure is written")
    own.set_defaults(run=differing.run)
    _add_writing_benches(benches)
    arguments = parser.parse_args()
    try:
        return int(arguments.run(arguments))
    except compare.BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 3
    except KeyboardInterrupt:
        return 130


def _add_writing_benches(benches: Any) -> None:
    """Add the benchmarks of an application that writes."""
    own = benches.add_parser("dualwrite", help="capture, relay and an application beside them")
    own.add_argument("--pairs", type=int, default=10, help="of each ratio; default: 10")
    own.add_argument("--rows", type=int, default=100_000, help="default: 100,000")
    own.add_argument("--dead", type=int, default=1_000_000, help="entries; default: 1,000,000")
    own.add_argument("--seconds", type=int, default=10, help="of a run of pgbench; default: 10")
    own.add_argument("--json", type=Path, help="where every figure is written")
    own.set_defaults(run=dualwrite.run)
    own = benches.add_parser("freeze", help="the freeze of a cutover, and what it is made of")
    own.add_argument("--rows", type=int, default=1_000_000, help="default: 1,000,000")
    own.add_argument("--large-rows", type=int, default=20_000_000, help="default: 20,000,000")
    own.add_argument("--runs", type=int, default=10, help="cutovers; default: 10")
    own.add_argument("--growth-runs", type=int, default=3, help="of each size; default: 3")
    own.add_argument("--ddl-runs", type=int, default=2, help="of each statement; default: 2")
    own.add_argument("--only", nargs="+", choices=freeze.PARTS, default=list(freeze.PARTS))
    own.add_argument(
        "--task-seconds", default="60-300", help="of DMS to start or stop a task; default: 60-300"
    )
    own.add_argument("--json", type=Path, help="figures; those of other parts in it are kept")
    own.set_defaults(run=freeze.run)


if __name__ == "__main__":
    raise SystemExit(main())
