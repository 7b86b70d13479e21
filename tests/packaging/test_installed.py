"""Test an installed wheel without access to the sources."""

import json
from importlib.metadata import EntryPoint
from typing import Protocol


class Installed(Protocol):
    def run(self, *words: str) -> str: ...


def test_checks_are_imported_from_the_wheel(installed_wheel: Installed) -> None:
    found = installed_wheel.run("-c", "import pgcutover.checks as c; print(c.__file__)")
    home = installed_wheel.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    assert found.strip() == f"{home.strip()}/pgcutover/checks/__init__.py"


def test_plugin_is_named_like_its_module_and_loads_once(installed_wheel: Installed) -> None:
    code = (
        "import json; from importlib.metadata import distribution as d;"
        "print(json.dumps([(e.name, e.value, e.group) for e in d('pgcutover').entry_points]))"
    )
    points = [EntryPoint(*fields) for fields in json.loads(installed_wheel.run("-c", code))]
    (plugin,) = [point for point in points if point.group == "pytest11"]
    assert plugin.name == plugin.value == "pgcutover.plugin"


def test_plugin_offers_its_options_to_pytest(installed_wheel: Installed) -> None:
    assert "--migration=FILE" in installed_wheel.run("-m", "pytest", "--help")


def test_console_script_starts(installed_wheel: Installed) -> None:
    code = "import sys, pgcutover.cli as c; sys.argv = ['pgcutover', '--help']; c.main()"
    assert "usage: pgcutover" in installed_wheel.run("-c", code)
