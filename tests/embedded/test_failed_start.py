"""Test that a failed start is reported in one sentence and leaves nothing behind."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.folders import cache_copy
from support.processes import run_servers_command, running_below

from pgcutover.embedded import server
from pgcutover.embedded.server import ServerSpec, servers
from pgcutover.errors import ServerError


def start(parent: Path, spec: ServerSpec, **options: object) -> None:
    with servers([spec], progress=lambda _: None, run_parent=parent, **options):
        pytest.fail("the servers started")


@pytest.fixture
def taken_port() -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_taken_port_is_named(open_folder: Path, taken_port: int) -> None:
    with pytest.raises(ServerError, match=f"port {taken_port} of localhost is taken"):
        start(open_folder, ServerSpec("only", 17, port=taken_port))

    assert list(open_folder.iterdir()) == []


def test_taken_port_is_one_sentence_for_the_user(open_folder: Path, taken_port: int) -> None:
    environment = {"TMPDIR": str(open_folder)}

    code, output = run_servers_command("--target-port", str(taken_port), env=environment)

    assert code != 0
    assert f"port {taken_port} of localhost is taken" in output
    assert "Traceback" not in output
    assert list(open_folder.iterdir()) == []


def test_port_lost_between_choosing_and_starting_is_replaced(
    open_folder: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([taken_port, taken_port])
    free_port = server.free_port
    monkeypatch.setattr(server, "free_port", lambda: next(ports, None) or free_port())

    with servers([ServerSpec("only", 17)], progress=lambda _: None, run_parent=open_folder) as up:
        assert up["only"].port != taken_port


def test_server_that_dies_at_start_is_quoted_without_secrets(open_folder: Path) -> None:
    spec = ServerSpec("only", 17, {"shared_buffers": "a lot"})

    with pytest.raises(ServerError) as caught:
        start(open_folder, spec)

    assert "starting server 'only' (PostgreSQL 17) failed" in str(caught.value)
    assert 'invalid value for parameter "shared_buffers": "a lot"' in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 10
    assert list(open_folder.iterdir()) == []


# 70 MB hold one server's programs, 110 both, 150 one server's data as well; the programs are
# copied there because the servers' account cannot enter the cache, as below a home of root's
@pytest.mark.parametrize("megabytes", [1, 30, 70, 130, 150])
def test_full_disk_is_one_sentence(
    small_disk: Callable[[int], Path], tmp_path: Path, megabytes: int
) -> None:
    folder = small_disk(megabytes)
    tmp_path.chmod(0o700)

    with cache_copy(tmp_path, 15, 17) as cache:
        env = {"TMPDIR": str(folder), "PGCUTOVER_CACHE_DIR": str(cache)}
        code, output = run_servers_command(env=env)

    assert code != 0
    assert output.count("\n") == 1, output
    assert f"no space left on the disk of {folder};" in output
    assert list(folder.iterdir()) == []
    assert running_below(folder) == {}


def test_programs_of_another_major_are_refused(open_folder: Path) -> None:
    with cache_copy(open_folder, 15) as cache:
        [programs] = cache.glob("postgresql-15-*/node_modules/*/native/bin")

        with pytest.raises(ServerError, match="is PostgreSQL 15: expected 17"):
            start(open_folder, ServerSpec("only", 17), bin_dirs={17: programs})


def test_missing_programs_are_named(open_folder: Path) -> None:
    with pytest.raises(ServerError, match="nowhere"):
        start(open_folder, ServerSpec("only", 17), bin_dirs={17: open_folder / "nowhere"})

    assert list(open_folder.iterdir()) == []


def test_unknown_major_is_refused_with_those_that_exist(open_folder: Path) -> None:
    with pytest.raises(ServerError, match=r"no embedded server .*15, 17, 18"):
        start(open_folder, ServerSpec("only", 9))
