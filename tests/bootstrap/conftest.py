"""Temporary checkouts: bootstrap.py with a tox.ini whose command is a few lines of Python."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Env = dict[str, str] | None
BOOTSTRAP = Path(__file__).resolve().parents[2] / "bootstrap.py"
# as a user starts it: not with the Python of the environment that runs these tests
SYSTEM_PYTHON = getattr(sys, "_base_executable", sys.executable)

TOX_INI = """
[tox]
no_package = true
venv_redirect = false
[testenv]
suicide_timeout = 10
interrupt_timeout = 10
terminate_timeout = 5
commands = python command.py {posargs}
[testenv:gate]
[testenv:test]
[testenv:other]
"""

# prints its arguments and start time, waits on request, and has a teardown to finish
COMMAND = """
import json, os, pathlib, subprocess, sys, time
words = sys.argv[1:]
called = {"words": words, "at": time.time(), "cwd": os.getcwd(), "prefix": sys.prefix}
if "--wait" not in words:
    print(json.dumps(called))
    sys.exit(int(words[0]) if words and words[0].isdigit() else 0)
deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);" if "--deaf" in words else ""
naps = deaf + "import time; print(flush=True); time.sleep(60)"
helper = subprocess.Popen([sys.executable, "-c", naps], stdout=subprocess.PIPE)
helper.stdout.readline()
pathlib.Path("pids").write_text(f"{os.getpid()} {helper.pid}")
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1.5)
    if not deaf:
        helper.kill()
        helper.wait()
    pathlib.Path("torn-down").touch()
    sys.exit(2)
"""


Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder with bootstrap.py and the small project."""

    folder: Path

    def command(self, *words: str, python: str = SYSTEM_PYTHON) -> list[str]:
        return [python, str(self.folder / "bootstrap.py"), *words]

    def run(
        self, *words: str, python: str = SYSTEM_PYTHON, env: Env = None, **options: Any
    ) -> Done:
        """Run bootstrap.py from another folder, without stdin and with changes to `env`."""
        done = subprocess.run(
            self.command(*words, python=python),
            env=self.environment(**(env or {})),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def environment(self, **changes: str) -> dict[str, str]:
        """Return our environment as a plain shell has it, with the changes."""
        own = ("TOX_", "PYTHON", "VIRTUAL_ENV")
        return {k: v for k, v in os.environ.items() if not k.startswith(own)} | changes


def make_checkout(folder: Path) -> Checkout:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(BOOTSTRAP, folder)
    (folder / "tox.ini").write_text(TOX_INI)
    (folder / "pyproject.toml").write_text("")
    (folder / "command.py").write_text(COMMAND)
    return Checkout(folder)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A new clone."""
    return make_checkout(tmp_path / "a fresh clone")


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout whose gate has run once; tests must not break it."""
    made = make_checkout(tmp_path_factory.mktemp("ready") / "with spaces in its path")
    done = made.run("gate")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def foreign() -> Iterator[Checkout]:
    """A new clone that every account can reach, unlike pytest's own folders."""
    with tempfile.TemporaryDirectory(prefix="pgcutover-") as folder:
        Path(folder).chmod(0o755)
        yield make_checkout(Path(folder) / "clone")


@pytest.fixture(scope="session")
def nobody() -> dict[str, Any]:
    """Return arguments that make subprocess start a program as another account."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a program as another account")
    account = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    for python in (SYSTEM_PYTHON, "/usr/bin/python3", "/usr/local/bin/python3"):
        if _starts(python, account):
            return {"python": python, **account}
    pytest.skip("the account nobody can reach no Python 3.11 or newer")


def _starts(python: str, account: dict[str, Any]) -> bool:
    try:
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        return subprocess.run([python, "-c", code], cwd="/", **account).returncode == 0
    except OSError:
        return False
