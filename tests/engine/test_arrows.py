"""Test that imports follow the layers of docs/architecture.md."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

OUTSIDE = ("checks", "fixtures", "reports", "setup", "expectations")


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in the file."""
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
        ("src/pgcutover/outbox", ("cutover", "plugin", "dualwrite", "second_write", "compare"), ""),
        ("src/pgcutover/dualwrite", ("outbox", "compare", "catalog", "config", "connect"), ""),
        ("src/pgcutover/second_write", ("cutover", "plugin", "outbox", "dualwrite"), ""),
        ("src/pgcutover/awslocal", ("compare", "catalog", "mapping", "movers"), ""),
    ],
)
def test_no_import_points_back(pytestconfig, folder, forbidden, allowed):
    found = offenders(pytestconfig.rootpath, folder, forbidden)
    assert [f for f in found if not (allowed and f"/{allowed}" in f)] == []


# bottom to top: a module imports from its own layer and from those before it
COMPARE_LAYERS = (
    ("throttle", "scan.sessions", "plan.table_stats", "snapshots"),
    ("hashing",),
    ("plan", "orphans"),
    ("differences",),
    ("scan",),
    ("live",),
    ("options",),
    ("",),
)


def layer(module: str) -> int:
    """Return the layer of a module of compare/: that of its longest prefix."""
    parts = module.removeprefix("pgcutover.compare").lstrip(".").split(".")
    prefixes = [".".join(parts[:n]) for n in range(len(parts), -1, -1)]
    return next(n for p in prefixes for n, names in enumerate(COMPARE_LAYERS) if p in names)


def test_no_module_of_compare_imports_from_a_higher_layer(pytestconfig):
    root = pytestconfig.rootpath / "src" / "pgcutover" / "compare"
    found = []
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix("__init__")
        used = [n for n in imported(path) if n.startswith("pgcutover.compare.")]
        found += [f"{module} imports {n}" for n in used if layer(n) > layer(module)]
    assert found == []


def import_graph(root: Path) -> dict[str, set[str]]:
    """Return the modules of a package, each with those that it imports, wherever it does."""
    modules = {
        ".".join((root.name, *path.relative_to(root).with_suffix("").parts)): path
        for path in root.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {name: imported(path) & modules.keys() - {name} for name, path in modules.items()}
    return {
        # "from package import module" needs the module, not what the package's own file imports
        name: {u for u in used if not any(v.startswith(f"{u}.") for v in used)}
        for name, used in graph.items()
    }


def test_no_modules_of_the_engine_import_each_other(pytestconfig):
    graph = import_graph(pytestconfig.rootpath / "src" / "pgcutover")
    assert len([*TopologicalSorter(graph).static_order()]) >= len(graph) > 0


def test_an_import_for_types_alone_closes_a_cycle(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    (package / "a.py").write_text("def f():\n    from p import b\n")
    (package / "b.py").write_text("if TYPE_CHECKING:\n    from p.a import f\n")
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph(package)).prepare()


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
