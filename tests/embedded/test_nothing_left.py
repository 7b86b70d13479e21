"""Test that no process and no folder is left, however a run of servers ends."""

import os
import signal
import threading
from pathlib import Path

import psycopg
import pytest
from support.processes import Command, eventually, running_below, servers_command

from pgcutover.embedded.server import ServerSpec, servers

ONE = [ServerSpec("only", 17)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_both_servers(open_folder: Path, number: signal.Signals) -> None:
    with servers_command(open_folder) as command:
        command.read_until("ready")
        assert len(running_below(open_folder)) == 3  # two servers and their guard

        command.process.send_signal(number)

        assert command.process.wait(15) == 0
        assert command.remains() == []


def test_interrupt_stops_servers_that_a_script_started_in_the_background(open_folder: Path) -> None:
    ignoring = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")  # as a shell does for "command &"
    with servers_command(open_folder, prefix=ignoring) as command:
        command.read_until("ready")

        command.process.send_signal(signal.SIGINT)

        assert command.process.wait(15) == 0
        assert command.remains() == []


def test_ctrl_c_of_a_terminal_stops_both_servers(open_folder: Path) -> None:
    with servers_command(open_folder) as command:
        command.read_until("ready")

        os.killpg(command.process.pid, signal.SIGINT)  # a terminal signals the whole group

        assert command.process.wait(15) == 0
        assert command.remains() == []


def test_kill_9_of_the_parent_stops_both_servers(open_folder: Path) -> None:
    with servers_command(open_folder) as command:
        command.read_until("ready")

        command.process.kill()

        assert command.leaves_nothing(), command.remains()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_signal_while_starting_leaves_nothing(open_folder: Path, number: signal.Signals) -> None:
    with servers_command(open_folder) as command:
        assert eventually(lambda: _initdb_runs(command))

        command.process.send_signal(number)

        assert command.leaves_nothing(), command.remains()
        assert command.process.wait(15) != 0


def test_killed_guard_does_not_hinder_the_parent(open_folder: Path) -> None:
    with servers(ONE, progress=lambda _: None, run_parent=open_folder):
        [guard] = [pid for pid, line in running_below(open_folder).items() if "guard.py" in line]
        os.kill(guard, signal.SIGKILL)

    assert list(open_folder.iterdir()) == []
    assert running_below(open_folder) == {}


def test_open_connections_do_not_delay_the_end(open_folder: Path) -> None:
    with servers(ONE, progress=lambda _: None, run_parent=open_folder) as running:
        conn = psycopg.connect(running["only"].dsn())
        conn.execute("select 1")

    with pytest.raises(psycopg.OperationalError):
        conn.execute("select 1")
    assert list(open_folder.iterdir()) == []


def test_server_that_died_during_the_run_is_no_obstacle(open_folder: Path) -> None:
    with servers(ONE, progress=lambda _: None, run_parent=open_folder) as running:
        os.kill(running["only"].pid, signal.SIGKILL)

    assert list(open_folder.iterdir()) == []
    assert eventually(lambda: running_below(open_folder) == {})


def test_error_in_the_run_is_passed_on_and_leaves_nothing(open_folder: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        servers(ONE, progress=lambda _: None, run_parent=open_folder),
    ):
        raise ZeroDivisionError

    assert list(open_folder.iterdir()) == []


def test_kept_servers_say_how_to_connect_and_how_to_stop(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers_command(open_folder, "--keep") as command:
        lines = command.read_until("to stop the servers")
        assert command.process.wait(15) == 0

        [folder] = open_folder.iterdir()
        service_file = folder / "pg_service.conf"
        monkeypatch.setenv("PGSERVICEFILE", str(service_file))
        for side, major in (("source", 15), ("target", 17)):
            with psycopg.connect(f"service={side}") as conn:
                assert conn.info.server_version // 10_000 == major
                assert conn.info.password not in "\n".join(lines)
        assert str(service_file) in "\n".join(lines)
        assert service_file.stat().st_mode & 0o777 == 0o600

        os.kill(int(lines[-1].rsplit(maxsplit=1)[1]), signal.SIGTERM)

        assert command.leaves_nothing(), command.remains()


def test_servers_start_from_a_thread_other_than_the_first(open_folder: Path) -> None:
    names: list[str] = []

    def start() -> None:
        with servers(ONE, progress=lambda _: None, run_parent=open_folder) as running:
            names.extend(running)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(60)

    assert names == ["only"]
    assert list(open_folder.iterdir()) == []


def _initdb_runs(command: Command) -> bool:
    return any("initdb" in line for line in running_below(command.parent).values())
