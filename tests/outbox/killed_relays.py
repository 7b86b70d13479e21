"""Kills relays between the commit on the target and the deletion of the entries.

    python killed_relays.py RUNS SEED < (both DSNs and the mapping rules, as JSON)

Each run writes some rows and has a relay killed with signal 9 while it writes them; the caller
compares both sides after a last relay.
"""

import json
import os
import random
import signal
import sys
from contextlib import closing

import psycopg

from pgcutover.mapping import MappingRules, parse_rules
from pgcutover.outbox.opening import open_outbox_relay
from pgcutover.sides import Sides


def relay_until(point: str, dsns: Sides[str], rules: MappingRules) -> bool:
    """Relay in a child process that is killed at a point; return whether it was."""
    if os.fork() == 0:

        def hook(step: str) -> None:
            if step == point:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            with closing(open_outbox_relay("test", rules, dsns, 500)) as relay:
                relay.hook = hook
                relay.run_once()
            os._exit(0)
        finally:
            os._exit(9)
    _, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the relay ended with {code}")
    return code != 0


def main(runs: int, seed: int) -> int:
    given = json.load(sys.stdin)
    dsns, rules = Sides(*given["dsns"]), parse_rules({"rules": given["rules"]}, "rules")
    choose, killed = random.Random(seed), 0  # noqa: S311 - a test's own choice
    with psycopg.connect(dsns.source, autocommit=True) as source:
        for n in range(runs):
            first, rows = n * 10, choose.randint(1, 9)
            source.execute(
                "insert into app.readings select g, '2026-01-05', g from generate_series(%s::int,"
                " %s::int) g",
                [first, first + rows],
            )
            source.execute(
                "update app.readings set v = -v, day = day + 30 where id between %s and %s",
                [first - 10, first - 10 + choose.randint(0, 9)],
            )
            source.execute("delete from app.readings where id = %s", [first - 20])
            killed += relay_until("committed", dsns, rules)
    sys.stdout.write(json.dumps({"killed": killed}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
