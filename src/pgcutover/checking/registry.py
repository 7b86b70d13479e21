"""Reads check files as text and returns what they declare.

The expected results must not depend on what pytest collected, deselected or skipped, so the files
are parsed and never imported.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pgcutover.errors import PgCutoverError

HEADINGS = ("Fails when", "Cannot see", "Needs", "Costs")
STAGES = ("readiness", "schema", "load", "replication", "freeze", "smoke", "after")


@dataclass(frozen=True, slots=True)
class Check:
    """One check file: its id, its arguments and its docstring.

    `only_where` is the key of migration.toml without which the check is not asked.
    """

    id: str
    stage: str
    title: str
    arguments: tuple[str, ...]
    fails_when: str
    cannot_see: str
    needs: str
    costs: str
    only_where: str = ""


def checks_folder() -> Path:
    """Return the folder of the checks that are installed with this package."""
    spec = find_spec("pgcutover.checks")
    if spec is None or not spec.submodule_search_locations:
        raise PgCutoverError("pgcutover.checks is not installed; reinstall pgcutover")
    return Path(spec.submodule_search_locations[0])


def find_checks(*folders: Path) -> tuple[Check, ...]:
    """Return every check below the folders by stage; PgCutoverError for a file that is none."""
    files = [path for folder in folders for path in _check_files(folder)]
    files.sort(key=lambda path: (STAGES.index(path.parent.name), path.name))
    checks = tuple(_read(path) for path in files)
    if twice := sorted(i for i, count in Counter(c.id for c in checks).items() if count > 1):
        raise PgCutoverError(f"expected 1 check of each id, found more of {', '.join(twice)}")
    return checks


def _check_files(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("test_*.py"))
    if not files:
        raise PgCutoverError(
            f"{folder}: expected check files STAGE/test_*.py, found none; a stage is one of "
            f"{', '.join(STAGES)}"
        )
    for path in files:
        if path.parent.parent != folder or path.parent.name not in STAGES:
            raise PgCutoverError(
                f"{path}: expected the file in a folder named after its stage ({', '.join(STAGES)})"
                f" directly below {folder}; move it there"
            )
    return files


def _read(path: Path) -> Check:
    where = f"{path.parent.name}/{path.name}"
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except SyntaxError as error:
        raise PgCutoverError(f"{where}: {error.msg} at line {error.lineno}") from error
    tests = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]
    marks = [mark for test in tests for mark in test.decorator_list if _is_check_mark(mark)]
    if len(tests) != 1 or len(marks) != 1:
        raise PgCutoverError(
            f"{where}: expected one test function marked with "
            f'@pytest.mark.check("ID"), found {len(tests)} test functions'
        )
    (check_id, *_), only_where = _constants(marks[0], where)
    title, sections = _sections(ast.get_docstring(tree) or "")
    fails_when, cannot_see, needs, costs = (sections.get(heading, "") for heading in HEADINGS)
    return Check(
        check_id,
        path.parent.name,
        title,
        tuple(a.arg for a in tests[0].args.args),
        fails_when,
        cannot_see,
        needs,
        costs,
        only_where,
    )


def _is_check_mark(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.check"


def _constants(mark: ast.expr, where: str) -> tuple[list[str], str]:
    """Return the arguments of the mark, which pytest will read too, so they must be literals."""
    call = mark if isinstance(mark, ast.Call) else None
    try:
        arguments = [str(ast.literal_eval(argument)) for argument in call.args] if call else []
        named = {k.arg: str(ast.literal_eval(k.value)) for k in call.keywords} if call else {}
    except ValueError:
        arguments, named = [], {}
    if len(arguments) != 1 or not named.keys() <= {"only_where"}:
        raise PgCutoverError(
            f'{where}: expected @pytest.mark.check("ID") or '
            '@pytest.mark.check("ID", only_where="key of migration.toml")'
        )
    return arguments, named.get("only_where", "")


def _sections(docstring: str) -> tuple[str, dict[str, str]]:
    parts = re.split(rf"^({'|'.join(HEADINGS)}):", docstring, flags=re.MULTILINE)
    texts = [" ".join(part.split()) for part in parts]
    return texts[0].split(". ")[0].rstrip("."), dict(zip(texts[1::2], texts[2::2], strict=True))
