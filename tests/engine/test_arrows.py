"""Imports point one way, as docs/architecture.md says."""

import ast
from pathlib import Path

import pytest

OUTSIDE = ("checks", "fixtures", "reports", "setup", "expectations")


def imported(path: Path) -> set[str]:
    """The modules a file imports, wherever in the file it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
    return names


def offenders(root: Path, folder: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(root)} imports {name}"
        for path in sorted((root / folder).rglob("*.py"))
        for name in imported(path)
        if name.startswith(tuple(f"pgcutover.{part}" for part in forbidden))
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden", "allowed"),
    [
        ("src/pgcutover", OUTSIDE, "plugin/"),
        ("checks", ("",), ""),
        ("reports", ("checks", "fixtures", "setup", "expectations"), ""),
        ("setup", ("checks", "fixtures", "reports", "expectations"), ""),
        ("expectations", ("checks", "fixtures", "reports", "setup"), ""),
        ("src/pgcutover/awslocal", ("compare", "catalog", "mapping", "movers"), ""),
    ],
)
def test_no_import_points_back(pytestconfig, folder, forbidden, allowed):
    found = offenders(pytestconfig.rootpath, folder, forbidden)
    assert [f for f in found if not (allowed and f"/{allowed}" in f)] == []


def test_the_rule_can_fail(tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "bad.py").write_text(
        "def f():\n    from pgcutover.fixtures import run\n"
    )
    assert offenders(tmp_path, "engine", OUTSIDE)


@pytest.mark.parametrize("heavy", ["boto3", "pydantic", "psycopg", "pgcutover.config"])
def test_a_run_that_is_no_gate_loads_nothing_heavy(heavy):
    import subprocess
    import sys

    code = f"import sys, pgcutover.plugin; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("heavy", ["boto3", "moto", "great_expectations", "jinja2"])
def test_heavy_libraries_load_only_when_used(pytestconfig, heavy):
    import subprocess
    import sys

    code = (
        "import sys, pgcutover.plugin, pgcutover.cli, pgcutover.plugin.controller, "
        "pgcutover.movers.dms, pgcutover.compare; "
        f"sys.exit({heavy!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
