#!/usr/bin/env python3
"""Run this checkout's gate or its tests with nothing installed but Python 3.11+ and pip.

    python3 bootstrap.py rehearse [ARGS]     run a demo migration on embedded servers and judge it
    python3 bootstrap.py gate [ARGS]         judge the databases that migration.toml names
    python3 bootstrap.py test [ARGS]         run all tests
    python3 bootstrap.py -e ENV [-- ARGS]    run any other environment of tox.ini

ARGS are passed to the command, which is pytest for the first three; it runs in the checkout.
The exit code is that of the command: 0 PASS, 1 FAIL, 2 interrupted, 3 UNKNOWN or not started,
4 wrong call; 128 + n where signal n ended bootstrap.py. The first run installs into .venv and .tox.
"""

# Older Pythons must be able to read this file to be told their age: no syntax newer than 3.6.
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
MARK = VENV / "pgcutover-bootstrap"  # empty while .venv is being made
NO_UV = VENV / "pgcutover-no-uv"
TOX = ROOT / ".tox"
LOG = TOX / "bootstrap.log"
TOX_REQUIREMENT = "tox>=4.30,<5"
# the short forms: the environment of tox.ini and the first arguments of its command. These are
# editable installations: changed sources need no new installation
SHORT_FORMS = {"rehearse": ("gate", ["--rehearse"]), "gate": ("gate", []), "test": ("test", [])}
QUIET_ENVIRONMENTS = ("gate", "test")
CANNOT_START, WRONG_CALL = 3, 4  # as in src/pgcutover/exit_codes.py

TROUBLES = (
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
    """One sentence for the user: what is wrong and what to do."""


class Program:
    """The one program running for us; hands signals on to it and remembers the first."""

    def __init__(self):
        """Start with nothing running and no signal received."""
        self.received = 0
        self.child = None
        self.own_session = False

    def run(self, command, output=None):
        """Run `command` in the checkout to its end; its exit code as a shell tells it."""
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
        code = self.child.wait()
        self.stop_if_interrupted()
        self.child = None
        return code if code >= 0 else 128 - code

    def stop_if_interrupted(self):
        """Leave, with nothing left running, once a signal has come."""
        if self.received:
            self.sweep()
            raise KeyboardInterrupt

    def on_signal(self, number, _frame):
        """Pass an interrupt on; tox and pytest end in good order on ctrl-c only, so any is one."""
        self.received = self.received or number
        if self.child is not None:
            self.interrupt(number)

    def interrupt(self, number):
        """Interrupt the child and all it started, each once: a second breaks pytest's teardown.

        Ctrl-c at the terminal has reached everybody already. Then tox alone, which ignores a
        second one, is told again in case the signal came from elsewhere and was for us only.
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
        """End what an interrupted child left behind in its session."""
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
    """Run what the words ask for; the exit code."""
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
    """The environment and the arguments for its command, or None for a wrong call."""
    if words and words[0] in SHORT_FORMS:
        env, first = SHORT_FORMS[words[0]]
        return env, [*first, *words[1:]]
    if words[:1] == ["-e"] and len(words) > 1 and words[2:3] in ([], ["--"]):
        return words[1], words[3:]
    return None


def run(env, args):
    """Prepare the environment, then run its command: tox keeps the exit code of a single one."""
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
    """Stop before anything is half done in a checkout of another account."""
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
    """The account that owns `path`."""
    try:
        return path.owner()
    except (KeyError, OSError):
        return f"user {path.stat().st_uid}"


@contextlib.contextmanager
def exclusive():
    """Only one bootstrap at a time installs into this checkout."""
    import fcntl

    with (TOX / "bootstrap.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is installing into this checkout; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tox_works():
    """Whether .venv is complete; refuses one that somebody else made."""
    complete = MARK.is_file() and MARK.read_text() == TOX_REQUIREMENT
    if complete:
        return answers("import tox")
    foreign = VENV.is_symlink() or VENV.is_file() or (not MARK.exists() and answers("pass"))
    if foreign:
        raise CannotStart(
            f"{VENV} was not made by bootstrap.py; move or remove it, then run the same "
            "command again"
        )
    return False


def answers(statement):
    """Whether the Python of .venv can run a statement."""
    with contextlib.suppress(OSError):
        command = [str(PYTHON), "-I", "-c", statement]
        return subprocess.run(command, capture_output=True).returncode == 0  # noqa: S603 - as above
    return False


def make_venv():
    """Make .venv with tox in it, from nothing or in place of a half-made one."""
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
    """Make .venv; the command that is its pip."""
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
    # Debian without python3-venv: the machine's pip can install into a .venv that has none
    install(".venv could not be made", [*make, "--without-pip"])
    return [sys.executable, "-m", "pip", "--python", PYTHON]


def has_own_index(pip):
    """Whether pip is configured to look elsewhere: uv does not read pip's settings."""
    command = [str(word) for word in [*pip, "config", "list"]]
    listed = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - as above
    return bool(re.search(r"\.(index-url|extra-index-url|find-links|no-index)=", listed.stdout))


def prepare(env):
    """Install the environment of tox.ini, unless what it is made from has not changed."""
    stamp = TOX / env / "pgcutover-stamp"
    before, files = stamp.read_text() if stamp.is_file() else "", fingerprint_of_files()
    if before == place() + files and env in QUIET_ENVIRONMENTS:
        return
    say(f"installing what {env} needs into .tox" + ("" if before else " (a minute at first)"))
    # an interrupted installation has no stamp, and a moved one is no good: from nothing then
    again = [] if before.startswith(place()) or not stamp.parent.exists() else ["-r"]
    stamp.unlink(missing_ok=True)
    LOG.write_bytes(b"")
    command = ["-e", env, "--notest", *again]
    if logged(tox(*command)) != 0 and not prepared_without_uv(command):
        raise CannotStart(explain(f"what {env} needs could not be installed"))
    if stamp.parent.is_dir():
        stamp.write_text(place() + files)


def prepared_without_uv(command):
    """Whether pip, which knows more settings than uv, succeeds where uv did not."""
    if not uv_is_used():
        return False
    NO_UV.touch()
    if logged(tox(*command)) == 0:
        return True
    NO_UV.unlink()
    return False


def place():
    """Where, on which Python and by which installer; another one starts from nothing."""
    known = f"{ROOT}\n{(VENV / 'pyvenv.cfg').read_text()}\n{uv_is_used()}"
    return digest(known.encode()) + "\n"


def fingerprint_of_files():
    """What is installed, as far as the project says it."""
    return digest(*((ROOT / name).read_bytes() for name in ("pyproject.toml", "tox.ini")))


def uv_is_used():
    """Whether tox installs with uv: it does as soon as tox-uv is there."""
    return (VENV / "bin" / "uv").exists() and not NO_UV.exists()


def digest(*parts):
    """One SHA-256 over the parts."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def tox(*words):
    """The command line of tox; everything named that an outer tox would decide otherwise."""
    places = ["-c", ROOT / "tox.ini", "--root", ROOT, "--workdir", TOX]
    runner = ["--runner", "virtualenv"] if NO_UV.exists() else []
    return [PYTHON, "-I", "-m", "tox", "run", *places, *runner, *words]


def environment():
    """Our environment without what would lead an inner Python, pip or tox astray."""
    astray = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "TOX_ENV_DIR", "TOX_ENV_NAME")
    kept = {name: value for name, value in os.environ.items() if name not in astray}
    # PIP_USER: "user = true" in pip's settings fails inside a virtual environment
    return {**kept, "PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def in_foreground():
    """Whether the terminal sends ctrl-c to us and our children."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def install(failure, command):
    """Run an installer quietly, or stop with one sentence."""
    if logged(command) != 0:
        raise CannotStart(explain(failure))


def logged(command):
    """Run a program with its output in the log; its exit code."""
    with LOG.open("ab") as log:
        return PROGRAM.run(command, log)


def explain(failure):
    """One sentence from an installer's output."""
    text = LOG.read_text(errors="replace")
    known = [advice for pattern, advice in TROUBLES if re.search(pattern, text)]
    errors = re.findall(r"(?mi)^.*\berror\b.*$", text)
    reason = known[0] if known else (errors[-1].strip() if errors else "no reason was given")
    return f"{failure}: {reason}; the output is in {LOG}"


def say(line):
    """Tell the user what takes time."""
    sys.stderr.write(f"bootstrap: {line}\n")
    sys.stderr.flush()


def complain(text, code):
    """Write to stderr and hand back the exit code."""
    sys.stderr.write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
