"""Hooks that fail, hang, leave children, or outlive a killed pgcutover."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.processes import eventually

from pgcutover.config import Hook
from pgcutover.cutover.errors import StepError
from pgcutover.cutover.hooks.run import HookFailedError, HookRunner, end_orphan
from pgcutover.cutover.resolver import Side

SHELL = ("sh", "-c")


@pytest.fixture
def runner(tmp_path):
    return HookRunner("kgc", tmp_path)


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_hook_gets_its_step_and_no_secret(runner, tmp_path, monkeypatch):
    monkeypatch.setenv("PGCUTOVER_SOURCE_DSN", "hunter2")
    for name in ("PGPASSWORD", "PGPASSFILE", "PGSERVICE", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL"):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("WANTED", "yes")
    hook = Hook(command=(*SHELL, "env > env.txt; cat >> env.txt"), pass_env=("WANTED",))
    runner.run("deploy", hook, Side.TARGET)
    text = (tmp_path / "env.txt").read_text()
    assert "hunter2" not in text
    for line in ("PGCUTOVER_STEP=deploy", "PGCUTOVER_SIDE=target", "WANTED=yes"):
        assert line in text.splitlines()


def test_a_hook_is_tried_again_and_then_fails_with_its_exit_code(runner, tmp_path):
    hook = Hook(command=(*SHELL, "echo x >> tries; test $(wc -l < tries) = 3"), retries=2)
    runner.run("deploy", hook, Side.TARGET)
    with pytest.raises(StepError, match=r"hook deploy: ended with exit code 1; .*deploy.log"):
        runner.run("deploy", hook, Side.TARGET)
    assert len((tmp_path / "tries").read_text().splitlines()) == 6


def test_a_hanging_hook_is_killed_with_its_children(runner, tmp_path):
    hook = Hook(command=(*SHELL, "sleep 60 & echo $! > child; wait"), timeout_seconds=0.3)
    with pytest.raises(StepError, match=r"did not end within 0\.3 s and was killed"):
        runner.run("smoke", hook, Side.TARGET)
    assert eventually(lambda: not is_alive(int((tmp_path / "child").read_text())))


def test_a_hook_that_ended_leaves_no_child(runner, tmp_path):
    runner.run("deploy", Hook(command=(*SHELL, "sleep 60 & echo $! > child")), Side.TARGET)
    assert eventually(lambda: not is_alive(int((tmp_path / "child").read_text())))


def test_a_daemon_that_a_hook_started_blocks_no_other_hook(runner, tmp_path):
    daemon = "setsid sh -c 'echo $$ > daemon; exec sleep 60' & sleep 0.2"
    runner.run("deploy", Hook(command=(*SHELL, daemon)), Side.TARGET)
    runner.run("smoke", Hook(command=("true",)), Side.TARGET)
    pid = int((tmp_path / "daemon").read_text())
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_no_hook_starts_without_time(runner):
    with pytest.raises(StepError, match="no time is left"):
        runner.run("smoke", Hook(command=("true",)), Side.TARGET, time.monotonic() - 1)


def test_a_hook_that_cannot_be_executed_is_named_before_the_start(runner, tmp_path):
    (tmp_path / "deploy.sh").write_text("#!/bin/sh\n")
    assert "./deploy.sh is not an executable file" in runner.problem(
        "deploy", Hook(command=("./deploy.sh",))
    )
    assert "no-such-program is not" in runner.problem("x", Hook(command=("no-such-program",)))
    assert runner.problem("deploy", Hook(command=SHELL)) == runner.problem("deploy", None) == ""
    with pytest.raises(StepError, match="cannot start: Permission denied"):
        runner.run("deploy", Hook(command=("./deploy.sh",)), Side.TARGET)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_hook_that_outlived_a_killed_pgcutover_is_ended(tmp_path):
    code = (
        "import sys; from pathlib import Path; from pgcutover.config import Hook\n"
        "from pgcutover.cutover.hooks.run import HookRunner\n"
        "from pgcutover.cutover.resolver import *\n"
        "hook = Hook(command=('sh', '-c', 'echo $$ > started; sleep 60'))\n"
        "HookRunner('kgc', Path(sys.argv[1])).run('deploy', hook, Side.TARGET)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    started = tmp_path / "started"
    while not (started.exists() and started.read_text().strip()):
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    pid = int(started.read_text())
    assert is_alive(pid)
    end_orphan(tmp_path)
    assert eventually(lambda: not is_alive(pid))


@pytest.fixture
def server():
    """An HTTP server: /ok, /fail, /once (which fails once) and /hang; it keeps the bodies."""
    bodies, failed = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if self.path == "/hang":
                time.sleep(1)
            fails = self.path == "/fail" or (self.path == "/once" and not failed)
            if fails:
                failed.append(self.path)
            self.send_response(500 if fails else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}", bodies
    listening.shutdown()
    listening.server_close()


def test_an_http_hook_posts_the_step_and_needs_a_status_of_2xx(runner, server, monkeypatch):
    url, bodies = server
    monkeypatch.setenv("no_proxy", "*")
    proxies = ("no_proxy",)
    runner.run("deploy", Hook(url=f"{url}/ok", pass_env=proxies), Side.TARGET)
    assert bodies == [{"step": "deploy", "side": "target", "migration": "kgc"}]
    runner.run("deploy", Hook(url=f"{url}/once", pass_env=proxies, retries=1), Side.TARGET)
    assert len(bodies) == 3
    with pytest.raises(HookFailedError, match="exit code 1") as caught:
        runner.run("deploy", Hook(url=f"{url}/fail", pass_env=proxies), Side.TARGET)
    assert caught.value.code == 1
    nobody = Hook(url="http://127.0.0.1:9/ok", pass_env=proxies)
    with pytest.raises(HookFailedError, match="exit code 2") as caught:
        runner.run("deploy", nobody, Side.TARGET)
    assert caught.value.code == 2
    log = runner.folder / ".pgcutover" / "hooks" / "deploy.log"
    assert log.read_text().startswith("no answer: ")
    hanging = Hook(url=f"{url}/hang", timeout_seconds=0.6, pass_env=proxies)
    with pytest.raises(StepError, match="did not end within"):
        runner.run("deploy", hanging, Side.TARGET)


@pytest.mark.parametrize("wrong", [{}, {"command": ("a",), "url": "http://h"}, {"url": "ftp://h"}])
def test_a_hook_is_a_command_or_an_address(wrong):
    with pytest.raises(ValueError, match=r"either command or url|an http or https address"):
        Hook(**wrong)
