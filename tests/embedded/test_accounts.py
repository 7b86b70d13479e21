"""Test that servers start as root and as ordinary users, with private homes and odd paths."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from support.folders import cache_copy
from support.processes import COMMAND, eventually, running_below, servers_command

from pgcutover.embedded.account import Account, can_reach
from pgcutover.embedded.server import ServerSpec, servers

ONE = [ServerSpec("only", 17)]
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
LINUX_ONLY = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")


@ROOT_ONLY
@LINUX_ONLY
def test_root_runs_servers_as_nobody(open_folder: Path) -> None:
    with servers(ONE, progress=lambda _: None, run_parent=open_folder) as running:
        owner = Path(f"/proc/{running['only'].pid}").stat().st_uid
        groups = [
            line.split()[1:]
            for line in Path(f"/proc/{running['only'].pid}/status").read_text().splitlines()
            if line.startswith("Groups:")
        ]

    assert owner == pwd.getpwnam("nobody").pw_uid
    assert groups == [[]]


@ROOT_ONLY
def test_only_the_data_belongs_to_nobody(open_folder: Path) -> None:
    with servers(ONE, progress=lambda _: None, run_parent=open_folder) as running:
        folder = running["only"].run_dir

        assert folder.stat().st_uid == 0
        assert (folder / "only").stat().st_uid == 0
        assert (folder / "only" / "data").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        assert (folder / "only" / "data").stat().st_mode & 0o777 == 0o700


def test_programs_in_a_closed_home_are_make_reachable(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_folder / "closed home"
    closed.mkdir(mode=0o700)
    runs = open_folder / "runs"
    runs.mkdir(mode=0o755)
    with cache_copy(closed, 17) as cache:
        monkeypatch.setenv("PGCUTOVER_CACHE_DIR", str(cache))

        with servers(
            ONE,
            progress=lambda line: None if "listens" in line else pytest.fail(line),
            run_parent=runs,
        ) as running:
            psycopg.connect(running["only"].dsn()).close()

    assert list(runs.iterdir()) == []


@ROOT_ONLY
def test_folder_for_data_in_a_closed_home_is_replaced(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_folder.chmod(0o700)
    monkeypatch.setenv("TMPDIR", str(open_folder))

    with servers(ONE, progress=lambda _: None) as running:
        assert open_folder not in running["only"].run_dir.parents


@ROOT_ONLY
def test_ordinary_user_starts_servers_as_himself(open_folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    home = open_folder / "home of user"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    with cache_copy(open_folder, 15, 17, uid=user.pw_uid) as cache:
        environment = {
            **os.environ,
            "HOME": str(home),
            "TMPDIR": str(home),
            "PGCUTOVER_CACHE_DIR": str(cache),
        }
        argv = [*_become(user), *COMMAND, "--keep"]
        done = subprocess.run(
            argv, env=environment, cwd=open_folder, capture_output=True, text=True
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert "PostgreSQL 15 listens" in done.stdout
        os.kill(int(done.stdout.rsplit(maxsplit=1)[1]), 15)
        assert eventually(lambda: not any(home.iterdir()) and not running_below(home))


@ROOT_ONLY
@LINUX_ONLY
def test_uid_without_a_name_starts_servers(open_folder: Path) -> None:
    """As in a container that runs with an arbitrary uid."""
    unnamed = pwd.struct_passwd(("unnamed", "x", 54_321, 54_321, "", "/", "/bin/sh"))
    allowed = subprocess.run([*_become(unnamed), "unshare", "--user", "true"], capture_output=True)
    if allowed.returncode:
        pytest.skip("this system allows no user namespace")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, unnamed.pw_uid, unnamed.pw_gid)
    with cache_copy(open_folder, 15, 17, uid=unnamed.pw_uid) as cache:
        env = {**os.environ, "HOME": "/", "TMPDIR": str(home), "PGCUTOVER_CACHE_DIR": str(cache)}
        argv = [*_become(unnamed), *COMMAND, "--keep"]
        done = subprocess.run(argv, env=env, cwd=open_folder, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "PostgreSQL 17 listens" in done.stdout
        os.kill(int(done.stdout.rsplit(maxsplit=1)[1]), 15)
        assert eventually(lambda: not any(home.iterdir()) and not running_below(home))


@ROOT_ONLY
def test_servers_do_not_look_for_certificates_in_the_callers_home(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription connects as a client, and root's home is not accessible to it."""
    home = open_folder / "home"
    (home / ".postgresql").mkdir(parents=True)
    home.chmod(0o700)
    pair = [ServerSpec("publisher", 15), ServerSpec("subscriber", 17)]
    monkeypatch.setenv("HOME", str(home))
    with servers(pair, progress=lambda _: None, run_parent=open_folder) as running:
        _subscribe(running["publisher"].dsn(), running["subscriber"].dsn())


def _subscribe(publisher: str, subscriber: str) -> None:
    # the servers' account cannot read the CA file
    parameters = {**psycopg.conninfo.conninfo_to_dict(publisher), "sslmode": "require"}
    del parameters["sslrootcert"]
    dsn = psycopg.conninfo.make_conninfo(**parameters)
    with psycopg.connect(publisher, autocommit=True) as connection:
        connection.execute("create table t (id int primary key)")
        connection.execute("create publication p for all tables")
    with psycopg.connect(subscriber, autocommit=True) as connection:
        connection.execute("create table t (id int primary key)")
        create = sql.SQL("create subscription s connection {} publication p")
        connection.execute(create.format(sql.Literal(dsn)))


def test_umask_that_denies_everything_to_others_is_no_obstacle(open_folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with servers(ONE, progress=lambda _: None, run_parent=open_folder) as running:
            psycopg.connect(running["only"].dsn()).close()
    finally:
        os.umask(before)


def test_variables_of_libpq_and_locale_do_not_reach_the_servers(open_folder: Path) -> None:
    environment = {
        "PGDATA": "/nowhere",
        "PGPORT": "1",
        "PGOPTIONS": "-c work_mem=1GB",
        "LC_ALL": "xx_XX",
        "TZ": "Asia/Kathmandu",
    }
    with servers_command(open_folder, env=environment) as command:
        output = "\n".join(command.read_until("ready"))

    assert "port 1 " not in output


def test_reach_follows_owner_group_and_others(open_folder: Path) -> None:
    stranger = Account("stranger", 12345, 12345)
    inside = open_folder / "inside"
    inside.mkdir(mode=0o755)

    assert can_reach(inside, stranger)
    open_folder.chmod(0o700)
    assert not can_reach(inside, stranger)
    shutil.rmtree(inside)


def _become(user: pwd.struct_passwd) -> list[str]:
    """Return the command prefix that runs a program as the account."""
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, to become somebody else")
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not can_reach(Path(sys.executable), Account(user.pw_name, user.pw_uid, user.pw_gid)):
        # our interpreter is in root's home: the account may read only it
        prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return prefix
