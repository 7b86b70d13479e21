"""Test that the process prints its address and exits with its parent."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from awslocal.rig import client, make_instance, wait_until

from pgcutover.awslocal.http.process import AwsEndpoint, aws_endpoint
from pgcutover.errors import ServerError

PARENT = """
import os, pathlib, sys, time
from pgcutover.awslocal.http.process import aws_endpoint
with aws_endpoint(pathlib.Path(sys.argv[1]), progress=lambda _: None) as endpoint:
    print(endpoint.pid, endpoint.url, flush=True)
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "ctrl-c"])
def test_it_ends_when_its_parent_ends_in_any_way(tmp_path: Path, how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout
    pid = int(parent.stdout.readline().split()[0])
    assert alive(pid)
    parent.send_signal(how)
    parent.wait(20)
    parent.stdout.close()
    wait_until(lambda: not alive(pid), "the endpoint's end")


def test_sigterm_ends_it(own_aws: AwsEndpoint) -> None:
    os.kill(own_aws.pid, signal.SIGTERM)
    wait_until(lambda: not alive(own_aws.pid), "the endpoint's end")


def test_resources_outlive_the_process_in_a_private_file(quick: None, tmp_path: Path) -> None:
    with aws_endpoint(tmp_path, progress=lambda _: None) as endpoint:
        arn = make_instance(client(endpoint.url, "dms"), "kept")
    state = tmp_path / "aws" / "dms.json"
    assert state.stat().st_mode & 0o077 == 0
    assert state.parent.stat().st_mode & 0o077 == 0
    with aws_endpoint(tmp_path, progress=lambda _: None) as endpoint:
        found = client(endpoint.url, "dms").describe_replication_instances()
    assert [i["ReplicationInstanceArn"] for i in found["ReplicationInstances"]] == [arn]


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "pgcutover.awslocal", "--port", str(port)]
        done = subprocess.run(
            [*command, "--state-dir", str(tmp_path / "s")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 2
    assert f"expected port {port} of 127.0.0.1 to be free" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "aws").write_text("a file where a folder belongs")
    with (
        pytest.raises(ServerError, match="expected the local AWS endpoint to start"),
        aws_endpoint(tmp_path, progress=lambda _: None),
    ):
        pass


def test_the_folder_of_a_run_that_is_over_is_not_made_again(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    done = subprocess.run(
        [sys.executable, "-m", "pgcutover.awslocal", "--state-dir", str(gone / "aws")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "make the folder above it first" in done.stderr
    assert not gone.exists()
