"""Test faults of the machine or of an earlier run: fixed, or reported in one sentence."""

import ast
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# pip without settings and cache, with an index at a closed port
OFFLINE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_RETRIES": "0",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


def sentence(done: Any) -> str:
    """Return the one sentence with which a failed start ends."""
    assert done.returncode == 3
    *progress, last = done.stderr.splitlines()
    assert all(line.startswith("bootstrap: installing") for line in progress)
    assert last.startswith("bootstrap: ")
    return last


@pytest.fixture
def offline() -> dict[str, str]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    return {**OFFLINE, "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple"}


@pytest.fixture
def lacking(tmp_path: Path) -> Any:
    """Return the environment of a Python without some modules, as Debian's without python3-venv."""

    def lack(*modules: str) -> dict[str, str]:
        blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in modules)
        (tmp_path / "sitecustomize.py").write_text(f"import sys\n{blocked}")
        return {"PYTHONPATH": str(tmp_path)}

    return lack


@pytest.mark.parametrize("modules", [("venv",), ("ensurepip", "pip")])
def test_missing_modules_are_named_with_the_remedy(
    checkout: Any, lacking: Any, modules: tuple[str, ...]
) -> None:
    output = sentence(checkout.run("gate", env=lacking(*modules)))
    assert f"the module {modules[0]} of this Python is missing" in output
    assert "apt install python3." in output


def test_missing_ensurepip_is_made_up_for_by_the_pip_of_the_machine(
    checkout: Any, lacking: Any
) -> None:
    done = checkout.run("gate", env=lacking("ensurepip"))
    assert done.returncode == 0, done.stderr
    assert not (checkout.folder / ".venv" / "bin" / "pip").exists()


def test_no_network_for_tox_is_one_sentence(checkout: Any, offline: dict[str, str]) -> None:
    output = sentence(checkout.run("gate", env=offline))
    assert "the package index cannot be reached" in output


def test_no_network_for_dependencies_is_one_sentence(ready: Any, offline: dict[str, str]) -> None:
    settings = ready.folder / "tox.ini"
    before = settings.read_text()
    settings.write_text(before.replace("[testenv]", "[testenv]\ndeps = pgcutover-no-such-thing"))
    try:
        output = sentence(ready.run("gate", env=offline))
    finally:
        settings.write_text(before)
    assert "the package index cannot be reached" in output
    assert ready.run("gate").returncode == 0


def test_half_made_venv_is_made_again(checkout: Any) -> None:
    process = subprocess.Popen(checkout.command("gate"), env=checkout.environment())
    while not (checkout.folder / ".venv" / "pyvenv.cfg").exists():
        assert process.poll() is None
    process.terminate()
    assert process.wait(20) == 143
    assert checkout.run("gate").returncode == 0


def test_venv_whose_packages_are_gone_is_made_again(ready: Any) -> None:
    shutil.rmtree(ready.folder / ".venv" / "lib")
    assert ready.run("gate").returncode == 0


def test_half_made_environment_is_made_again(ready: Any) -> None:
    (ready.folder / ".tox" / "gate" / "pgcutover-stamp").unlink()
    shutil.rmtree(ready.folder / ".tox" / "gate" / "lib")
    assert ready.run("gate").returncode == 0


def test_venv_of_another_account_is_not_changed(checkout: Any) -> None:
    venv = checkout.folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    before = sorted(venv.rglob("*"))
    output = sentence(checkout.run("gate"))
    assert "was not made by bootstrap.py; move or remove it" in output
    assert sorted(venv.rglob("*")) == before


def test_rubbish_named_venv_is_replaced(checkout: Any) -> None:
    (checkout.folder / ".venv" / "bin").mkdir(parents=True)
    assert checkout.run("gate").returncode == 0


def test_checkout_of_another_account_is_not_touched(foreign: Any, nobody: dict[str, Any]) -> None:
    output = sentence(foreign.run("gate", **nobody))
    assert f"{foreign.folder} belongs to root and cannot be written by this account" in output
    assert not (foreign.folder / ".venv").exists()


def test_what_another_account_left_in_the_checkout_is_named(
    foreign: Any, nobody: dict[str, Any]
) -> None:
    (foreign.folder / ".tox" / "gate").mkdir(parents=True)
    for path in (foreign.folder, foreign.folder / ".tox"):
        shutil.chown(path, nobody["user"])
    output = sentence(foreign.run("gate", **nobody))
    assert f"{foreign.folder / '.tox' / 'gate'} was left by root" in output


def test_ordinary_account_runs_the_gate(foreign: Any, nobody: dict[str, Any]) -> None:
    shutil.chown(foreign.folder, nobody["user"])
    done = foreign.run("gate", "3", env={"HOME": "/nonexistent"}, **nobody)
    assert done.returncode == 3, done.stderr
    assert '"words": ["3"]' in done.stdout


def test_older_python_can_read_the_file_and_is_told_its_age(checkout: Any) -> None:
    bootstrap = checkout.folder / "bootstrap.py"
    ast.parse(bootstrap.read_text(), feature_version=(3, 6))
    code = (
        "import runpy, sys; sys.version_info = (3, 8, 1);"
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, bootstrap], capture_output=True, text=True, check=False
    )
    assert "Python 3.11 or newer is needed and this is 3.8" in sentence(done)
