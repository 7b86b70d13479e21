"""Which checks there are, read from their source files.

The gate's expectation must not depend on what pytest collected, deselected or skipped, so the
files are parsed, never imported.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from pgcutover.errors import PgCutoverError

HEADINGS = ("Fails when", "Cannot see", "Needs", "Costs")
STAGES = ("readiness", "schema", "load", "replication", "freeze", "after")


@dataclass(frozen=True, slots=True)
class Check:
    """One check file: what it is called, what it asks for and what its docstring promises."""

    id: str
    stage: str
    title: str
    arguments: tuple[str, ...]
    fails_when: str
    cannot_see: str
    needs: str
    costs: str


def find_checks(folder: Path) -> tuple[Check, ...]:
    """Every check below `folder`, in the order of stages; PgCutoverError if a file is not one."""
    files = sorted(folder.glob("*/test_*.py"), key=lambda p: (STAGES.index(p.parent.name), p.name))
    checks = tuple(_read(path) for path in files)
    ids = [check.id for check in checks]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if not checks or twice:
        raise PgCutoverError(f"checks in {folder.name}: found {len(checks)}, same id: {twice}")
    return checks


def _read(path: Path) -> Check:
    tree = ast.parse(path.read_text("utf-8"))
    tests = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]
    if len(tests) != 1 or not (check_id := _check_id(tests[0])):
        raise PgCutoverError(
            f"{path.parent.name}/{path.name}: expected one test function marked with "
            f'@pytest.mark.check("ID"), found {len(tests)} test functions'
        )
    title, sections = _sections(ast.get_docstring(tree) or "")
    return Check(
        check_id,
        path.parent.name,
        title,
        tuple(a.arg for a in tests[0].args.args),
        *(sections.get(heading, "") for heading in HEADINGS),
    )


def _check_id(function: ast.FunctionDef) -> str:
    for mark in function.decorator_list:
        if (
            isinstance(mark, ast.Call)
            and ast.unparse(mark.func) == "pytest.mark.check"
            and isinstance(mark.args[0], ast.Constant)
        ):
            return str(mark.args[0].value)
    return ""


def _sections(docstring: str) -> tuple[str, dict[str, str]]:
    parts = re.split(rf"^({'|'.join(HEADINGS)}):", docstring, flags=re.MULTILINE)
    texts = [" ".join(part.split()) for part in parts]
    return texts[0].split(". ")[0].rstrip("."), dict(zip(texts[1::2], texts[2::2], strict=True))
