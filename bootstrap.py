#!/usr/bin/env python3
"""Run this checkout's rehearsal, gate or tests; only Python 3.11+ and pip must be installed.

    python3 bootstrap.py rehearse [ARGS]     rehearse a demo migration and its cutover
    python3 bootstrap.py gate [ARGS]         judge the databases that migration.toml names
    python3 bootstrap.py test [ARGS]         run all tests
    python3 bootstrap.py -e ENV [-- ARGS]    run any other environment of tox.ini

ARGS are passed to the command, which is pytest for the first three; it runs in the checkout.
The exit code is that of the command: 0 PASS, 1 FAIL, 2 interrupted, 3 UNKNOWN or not started,
4 wrong call; 128 + n where signal n ended bootstrap.py. The first run installs into .venv and .tox.
"""

# An older Python must be able to parse this file to print the sentence below: syntax of 3.6.
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - see above
    sys.stderr.write(
        "bootstrap: Python 3.11 or newer is needed and this is {}.{}; run it with a newer one, "
        "for example: python3.11 bootstrap.py rehearse\n".format(*sys.version_info)
    )
    sys.exit(3)

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MARK = VENV / "pgcutover-bootstrap"  # empty until .venv is complete
NO_UV = VENV / "pgcutover-no-uv"
TOX = ROOT / ".tox"
LOG = TOX / "bootstrap.log"
TOX_REQUIREMENT = "tox>=4.30,<5"
# the environment of tox.ini, an editable installation, and the first arguments of its command
NIGHT = ["--rehearse", "--stop-after", "night"]
SHORT_FORMS = {"rehearse": ("gate", NIGHT), "gate": ("gate", []), "test": ("test", [])}
QUIET_ENVIRONMENTS = ("gate", "test")
REPORT_SECONDS = 10
CANNOT_START, WRONG_CALL = 3, 4  # as in src/pgcutover/exit_codes.py

KNOWN_ERRORS = (
    (r"No space left on device|os error 28", "the disk is full; free some space"),
    (
        r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|UnknownIssuer",
        "the certificate of the package index is not trusted; set PIP_CERT and SSL_CERT_FILE to "
        "the file with its CA",
    ),
    (
        r"Failed to establish a new connection|Connection refused|Connection reset|timed out"
        r"|name resolution|Network is unreachable|dns error|ProxyError|Cannot connect to proxy"
        r"|error sending request|Failed to fetch|from versions: none",
        "the package index cannot be reached; connect to the network, or name a proxy "
        "(HTTPS_PROXY) or a mirror (PIP_INDEX_URL)",
    ),
)


class CannotStart(Exception):
    """A sentence for the user: what is wrong and what to do."""


class Program:
    """The program that is running; passes signals on to it and remembers the first."""

    def __init__(self):
        """Nothing is running and no signal was received."""
        self.received = 0
        self.child = None
        self.own_session = False

    def run(self, command, output=None):
        """Run `command` in the checkout and return its exit code as a shell does."""
        self.stop_if_interrupted()
        self.own_session = not in_foreground()
        self.child = subprocess.Popen(  # noqa: S603 - our own tools, no shell
            [str(word) for word in command],
            cwd=str(ROOT),
            env=environment(),
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=self.own_session,
        )
        if self.received:
            self.interrupt(self.received)
        code = self.wait(output is not None)
        self.stop_if_interrupted()
        if code > 256 - 64:  # tox exits with -n where signal n ended its command
            code -= 256
        if code < 0:
            self.sweep()
        self.child = None
        return code if code >= 0 else 128 - code

    def wait(self, is_quiet):
        """Wait for the child; where it prints nothing, say every few seconds that it works."""
        started = time.monotonic()
        while True:
            try:
                return self.child.wait(REPORT_SECONDS if is_quiet else None)
            except subprocess.TimeoutExpired:
                seconds = int(time.monotonic() - started)
                say(f"installing: {seconds} s so far; details are in {LOG.relative_to(ROOT)}")

    def stop_if_interrupted(self):
        """After a signal, end the child's processes and raise KeyboardInterrupt."""
        if self.received:
            self.sweep()
            raise KeyboardInterrupt

    def on_signal(self, number, _frame):
        """Pass any signal on as SIGINT, the only one on which tox and pytest end in good order."""
        self.received = self.received or number
        if self.child is not None:
            self.interrupt(number)

    def interrupt(self, number):
        """Send SIGINT to the child and its children once: a second breaks pytest's teardown.

        Ctrl-C at the terminal was sent to all of them. Then only tox, which ignores a second one,
        gets another, in case the signal was sent to this process alone.
        """
        with contextlib.suppress(ProcessLookupError):
            if self.own_session:
                os.killpg(self.child.pid, signal.SIGINT)
            elif number == signal.SIGINT:
                time.sleep(1)
                self.child.send_signal(signal.SIGINT)
            else:
                os.killpg(0, signal.SIGINT)

    def sweep(self):
        """End the processes that an interrupted child left in its session."""
        if self.child is None or not self.own_session:
            return
        with contextlib.suppress(ProcessLookupError):
            for number, tenths in ((0, 50), (signal.SIGTERM, 30), (signal.SIGKILL, 10)):
                os.killpg(self.child.pid, number)
                for _ in range(tenths):
                    os.killpg(self.child.pid, 0)
                    time.sleep(0.1)


PROGRAM = Program()


def main(words):
    """Run the command that the words name and return its exit code."""
    if words[:1] in (["-h"], ["--help"]):
        sys.stdout.write(__doc__)
        return 0
    request = parse(words)
    if request is None:
        return complain(__doc__.split("\n\n")[1].rstrip(), WRONG_CALL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN):  # nohup
            signal.signal(number, PROGRAM.on_signal)
    try:
        return run(*request)
    except CannotStart as sentence:
        return complain(f"bootstrap: {sentence}", CANNOT_START)
    except OSError as error:
        return complain(f"bootstrap: {error.filename}: {error.strerror}", CANNOT_START)
    except KeyboardInterrupt:
        return complain("bootstrap: interrupted", 128 + PROGRAM.received)


def parse(words):
    """Return an environment of tox.ini and the arguments of its command; None for a wrong call."""
    if words and words[0] in SHORT_FORMS:
        env, first = SHORT_FORMS[words[0]]
        return env, [*first, *words[1:]]
    if words[:1] == ["-e"] and len(words) > 1 and words[2:3] in ([], ["--"]):
        return words[1], words[3:]
    return None


def run(env, args):
    """Install the environment, run its command and return that command's exit code."""
    refuse_unwritable()
    TOX.mkdir(exist_ok=True)
    with exclusive():
        if not tox_works():
            make_venv()
        prepare(env)
    # tox is quiet here: the last lines on the screen are pytest's
    quiet = ["-qq"] if env in QUIET_ENVIRONMENTS else []
    passed_on = ["--", *args] if args else []
    return PROGRAM.run(tox(*quiet, "-e", env, "--skip-pkg-install", *passed_on))


def refuse_unwritable():
    """Refuse a checkout that this account cannot write, before anything is written."""
    if not os.access(str(ROOT), os.W_OK | os.X_OK):
        raise CannotStart(
            f"{ROOT} belongs to {owner(ROOT)} and cannot be written by this account; "
            "clone the project into a folder of your own and run it there"
        )
    for path in (VENV, TOX, *sorted(TOX.glob("*")), ROOT / ".cache", *ROOT.glob("*.egg-info")):
        if path.exists() and not os.access(str(path), os.W_OK):
            raise CannotStart(
                f"{path} was left by {owner(path)} and cannot be written by this account; "
                "remove it, then run the same command again"
            )


def owner(path):
    """Return the name of the account that owns `path`."""
    try:
        return path.owner()
    except (KeyError, OSError):
        return f"user {path.stat().st_uid}"


@contextlib.contextmanager
def exclusive():
    """Hold the lock of installations into this checkout."""
    import fcntl

    with (TOX / "bootstrap.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is installing into this checkout; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tox_works():
    """Check that .venv is complete and works; refuse one that bootstrap.py did not make."""
    if MARK.is_file() and MARK.read_text() == TOX_REQUIREMENT:
        return runs("import tox")
    if VENV.is_symlink() or VENV.is_file() or (not MARK.exists() and runs("pass")):
        raise CannotStart(
            f"{VENV} was not made by bootstrap.py; move or remove it, then run the same "
            "command again"
        )
    return False


def runs(statement):
    """Check that the Python of .venv can run a statement."""
    with contextlib.suppress(OSError):
        command = [str(PYTHON), "-I", "-c", statement]
        return subprocess.run(command, capture_output=True).returncode == 0  # noqa: S603 - as above
    return False


def make_venv():
    """Make .venv with tox in it; replace an incomplete one."""
    say("installing tox into .venv")
    shutil.rmtree(str(VENV), ignore_errors=True)
    VENV.mkdir()
    MARK.touch()
    LOG.write_bytes(b"")
    pip = make_empty_venv()
    install("tox could not be installed", [*pip, "install", TOX_REQUIREMENT])
    if not has_own_index(pip):
        logged([*pip, "install", "tox-uv>=1.25,<2"])  # faster, and nothing is lost without it
    MARK.write_text(TOX_REQUIREMENT)


def make_empty_venv():
    """Make .venv and return the command that runs its pip."""
    missing = [name for name in ("venv", "ensurepip", "pip") if not importlib.util.find_spec(name)]
    if "venv" in missing or {"ensurepip", "pip"} <= set(missing):
        raise CannotStart(
            f"the module {missing[0]} of this Python is missing; install it (on Debian and Ubuntu: "
            "apt install python{}.{}-venv), then run the same command again".format(
                *sys.version_info
            )
        )
    make = [sys.executable, "-I", "-m", "venv", VENV]
    if "ensurepip" not in missing:
        install(".venv could not be made", make)
        return [PYTHON, "-I", "-m", "pip"]
    # Debian without python3-venv: the system's pip installs into a .venv that has no pip
    install(".venv could not be made", [*make, "--without-pip"])
    return [sys.executable, "-m", "pip", "--python", PYTHON]


def has_own_index(pip):
    """Check for an index in pip's settings, which uv does not read."""
    command = [str(word) for word in [*pip, "config", "list"]]
    listed = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - as above
    return bool(re.search(r"\.(index-url|extra-index-url|find-links|no-index)=", listed.stdout))


def prepare(env):
    """Install an environment of tox.ini, unless its files have not changed since the last time."""
    stamp = TOX / env / "pgcutover-stamp"
    before = stamp.read_text() if stamp.is_file() else ""
    files = digest(*((ROOT / name).read_bytes() for name in ("pyproject.toml", "tox.ini")))
    if before == place() + files and env in QUIET_ENVIRONMENTS:
        return
    once = "" if before else "; the first time this takes minutes"
    say(f"installing the packages of {env} into .tox{once}")
    # an interrupted installation has no stamp, and a moved one does not work: recreate both
    again = [] if before.startswith(place()) or not stamp.parent.exists() else ["-r"]
    stamp.unlink(missing_ok=True)
    LOG.write_bytes(b"")
    command = ["-e", env, "--notest", *again]
    if logged(tox(*command)) != 0 and not prepared_without_uv(command):
        raise CannotStart(explain(f"the packages of {env} could not be installed"))
    if stamp.parent.is_dir():
        stamp.write_text(place() + files)


def prepared_without_uv(command):
    """Try again with pip, which reads more settings than uv."""
    if not uv_is_used():
        return False
    NO_UV.touch()
    if logged(tox(*command)) == 0:
        return True
    NO_UV.unlink()
    return False


def place():
    """Return a digest of the checkout's path, the Python and the installer."""
    known = f"{ROOT}\n{(VENV / 'pyvenv.cfg').read_text()}\n{uv_is_used()}"
    return digest(known.encode()) + "\n"


def uv_is_used():
    """Check if tox installs with uv, as it does where tox-uv is installed."""
    return (VENV / "bin" / "uv").exists() and not NO_UV.exists()


def digest(*parts):
    """Return one SHA-256 of all parts."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def tox(*words):
    """Return a command line of tox that an outer tox cannot influence."""
    places = ["-c", ROOT / "tox.ini", "--root", ROOT, "--workdir", TOX]
    runner = ["--runner", "virtualenv"] if NO_UV.exists() else []
    return [PYTHON, "-I", "-m", "tox", "run", *places, *runner, *words]


def environment():
    """Return our environment without variables that an inner Python, pip or tox obeys."""
    obeyed = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "TOX_ENV_DIR", "TOX_ENV_NAME")
    kept = {name: value for name, value in os.environ.items() if name not in obeyed}
    # PIP_USER: "user = true" in pip's settings fails inside a virtual environment
    return {**kept, "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def in_foreground():
    """Check if the terminal sends Ctrl-C to this process and its children."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def install(failure, command):
    """Run an installer with its output in the log; CannotStart if it fails."""
    if logged(command) != 0:
        raise CannotStart(explain(failure))


def logged(command):
    """Run a program with its output in the log and return its exit code."""
    with LOG.open("ab") as log:
        return PROGRAM.run(command, log)


def explain(failure):
    """Return a sentence that explains an installer's output."""
    text = LOG.read_text(errors="replace")
    known = [advice for pattern, advice in KNOWN_ERRORS if re.search(pattern, text)]
    errors = re.findall(r"(?mi)^.*\berror\b.*$", text)
    reason = [*known, *(error.strip() for error in errors[-1:]), "it gave no reason"][0]
    return f"{failure}: {reason}; the output is in {LOG}"


def say(line):
    """Write a line of progress to stderr."""
    sys.stderr.write(f"bootstrap: {line}\n")
    sys.stderr.flush()


def complain(text, code):
    """Write to stderr and return the exit code."""
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
