"""Write docs/blind-spots.md from the fault list: `python tests/checks/faultlist/page.py`."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

if __name__ == "__main__":  # run as a script, no conftest makes the lists importable
    sys.path[:0] = map(str, Path(__file__).parents[1:3])

from faultlist.everything import FAULTS, SEEN
from faultlist.harmless import CONTROLS, NOT_SEEN
from faultlist.model import Fault
from schema.restfaults import REST, SERVER
from schema.schemafaults import CLUSTER, SchemaFault
from schema.schemafaults import FAULTS as OF_THE_SCHEMA

from pgcutover.checking.docs_pages import packaged_checks
from pgcutover.checking.registry import Check

PAGE = Path(__file__).parents[3] / "docs" / "blind-spots.md"
HEAD = """# Blind spots

Written by `python tests/checks/faultlist/page.py` from the list of faults that
`tests/checks/test_faults.py` injects, one at a time, into one of two equal databases
(PostgreSQL 15 and 17, tables moved and renamed on the way). After each, every check that compares
the two is asked about every object: exactly the answers that the list names must not be green.
So this page says what was tried, not what was meant. The schema has a list of its own, which
`tests/schema/test_faults.py` injects into the restored dump of a schema with one of everything.

Fault names such as `DAT-07` are those of the project's catalogue of known faults; the others are
its siblings, found while testing.
"""
UNSEEN = """
Each of these was injected and **every check that compares the two databases stayed green**. They
need checks of their own, or a look by a person, before a cutover.
"""
GREEN = """
Differences that change no row, key or column; red among these checks would be a false alarm. The
schema stage compares settings and unmapped schemas, and may well be red.
"""
SCHEMA = """
Exactly the checks named were red, of all that compare the target with the expected schema or with
the source's server. A warning is in the facts of a result that passes.
"""
SCHEMA_FAULTS: list[SchemaFault] = [
    *OF_THE_SCHEMA,
    *REST,
    *(f for f, _ in (*CLUSTER, *SERVER)),
]
NOT_HERE = """
They look at other things than the two databases' contents, or at one side alone, and are tested
where those things are: {}.
"""


def page(checks: Sequence[Check]) -> str:
    """Return the whole page."""
    seeing = [c for c in checks if any(c.id in f.checks for f in SEEN)]
    of_schema = {check for f in SCHEMA_FAULTS for check in f.red}
    others = [c.id for c in checks if c not in seeing and c.id not in of_schema]
    parts = [
        HEAD,
        f"{len(FAULTS) + len(SCHEMA_FAULTS)} were tried: {len(SEEN) + len(SCHEMA_FAULTS)} must be "
        f"seen, {len(NOT_SEEN)} are known to be unseen, {len(CONTROLS)} are harmless.\n",
        "## Which check sees which kind of fault\n",
        _matrix(seeing),
        "A number says how many faults of the kind leave the check red, or UNKNOWN where it cannot "
        "compare any more.\n",
        f"## What no check sees\n{UNSEEN}",
        _table(("fault", "what"), ((f"`{f.id}`", f.what) for f in NOT_SEEN))
        if NOT_SEEN
        else "No fault of the list.\n",
        "## What each check cannot see, in its own words\n",
        _table(("check", "cannot see"), ((c.id, c.cannot_see) for c in checks)),
        "## Checks without a column above\n" + NOT_HERE.format(", ".join(others)),
        "## Every fault that is seen\n",
        _table(("fault", "kind", "what", "not green"), map(_seen, SEEN)),
        f"## Every fault of the schema stage\n{SCHEMA}",
        _table(("fault", "what", "red"), map(_of_the_schema, SCHEMA_FAULTS)),
        f"## What stays green on purpose\n{GREEN}",
        _table(("control", "what"), ((f"`{f.id}`", f.what) for f in CONTROLS)),
    ]
    return "\n".join(parts)


def _matrix(checks: Sequence[Check]) -> str:
    kinds = list(dict.fromkeys(f.kind for f in SEEN))
    rows = ((kind, *(_number(kind, check) for check in checks)) for kind in kinds)
    return _table(("kind", *(c.id for c in checks)), rows)


def _number(kind: str, check: Check) -> str:
    found = [f for f in SEEN if f.kind == kind]
    seen = sum(check.id in f.checks for f in found)
    return f"{seen} of {len(found)}" if seen else ""


def _seen(fault: Fault) -> tuple[str, ...]:
    red = {identity.split("[")[0] for identity in fault.red}
    doubted = sorted(fault.checks - red)
    results = [*sorted(red), *(f"{check} (UNKNOWN)" for check in doubted)]
    return f"`{fault.id}`", fault.kind, fault.what, ", ".join(results)


def _of_the_schema(fault: SchemaFault) -> tuple[str, ...]:
    return f"`{fault.id}`", fault.what, ", ".join(sorted(fault.red)) or "a warning"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(_lines(heads, rows)) + "\n"


def _lines(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    PAGE.write_text(page(packaged_checks()), "utf-8")
