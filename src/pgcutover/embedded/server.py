"""PostgreSQL servers of chosen majors, with TLS, on free ports, removed at the end."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from pgcutover.embedded.account import make_reachable
from pgcutover.embedded.cluster import (
    SUPERUSER,
    Cluster,
    ServerSpec,
    begin_initdb,
    free_port,
    set_port,
)
from pgcutover.embedded.connecting import SERVICE_FILE, how_to_connect, service_file_content
from pgcutover.embedded.failures import describe_failure, explain_os_errors, is_address_in_use
from pgcutover.embedded.run import Process, Run
from pgcutover.embedded.tls import Authority
from pgcutover.embedded.tools import Progress, install_servers
from pgcutover.errors import ServerError

__all__ = ["RunningServer", "ServerSpec", "servers"]

_START_SECONDS = 60
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running server, and everything needed to connect to it."""

    name: str
    major: int
    port: int
    run_dir: Path
    ca_file: Path
    pid: int
    password: str = field(repr=False)
    host: str = "localhost"
    superuser: str = SUPERUSER

    def dsn(
        self, dbname: str = "postgres", user: str | None = None, password: str | None = None
    ) -> str:
        """Return a conninfo string, the superuser's if no user is given."""
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=dbname,
            user=user or self.superuser,
            password=self.password if user is None else password,
            sslmode="verify-full",
            sslrootcert=str(self.ca_file),
            connect_timeout=10,
        )


@contextmanager
def servers(
    specs: Sequence[ServerSpec],
    *,
    progress: Progress,
    keep: bool = False,
    run_parent: Path | None = None,
    bin_dirs: Mapping[int, Path] | None = None,
) -> Iterator[dict[str, RunningServer]]:
    """Run servers, by name; at the end, stop them and remove their folder, unless kept."""
    named = bin_dirs or {}
    wanted = {spec.major for spec in specs}
    installed = install_servers(progress, wanted - set(named)).bin_dirs
    with Run(run_parent) as run:
        with explain_os_errors("starting the servers", run.folder.parent):
            started = _start(run, specs, {**installed, **named})
            run.write(run.folder / SERVICE_FILE, service_file_content(started))
        for server in started:
            progress(f"{server.name}: PostgreSQL {server.major} listens on port {server.port}")
        run.keep = keep
        try:
            yield {server.name: server for server in started}
        finally:
            if keep:
                _report_kept(run, started, progress)


def _report_kept(run: Run, started: Sequence[RunningServer], progress: Progress) -> None:
    for line in how_to_connect(started, run.folder):
        progress(line)
    progress(f"to stop the servers and remove {run.folder}: kill {run.guard_pid}")


def _start(
    run: Run, specs: Sequence[ServerSpec], bin_dirs: Mapping[int, Path]
) -> list[RunningServer]:
    authority = Authority()
    ca_file = run.write(run.folder / "ca.pem", authority.certificate)
    programs = {
        major: make_reachable(bin_dirs[major], run.account, run.folder / f"programs-{major}")
        for major in {spec.major for spec in specs}
    }
    making = [begin_initdb(run, spec, programs[spec.major]) for spec in specs]
    clusters = [initdb.finish(run, authority) for initdb in making]
    starting = [_start_server(run, cluster) for cluster in clusters]
    return [_wait_until_ready(run, ca_file, start) for start in starting]


@dataclass(frozen=True, slots=True)
class _Start:
    """An attempt to start a server on a port; its log begins at `log_from`."""

    cluster: Cluster
    process: Process
    port: int
    log_from: int

    def said(self) -> str:
        return self.cluster.said(self.log_from)

    def port_is_taken(self) -> bool:
        # also if only one address of localhost is in use: clients would reach the other server
        return is_address_in_use(self.said())

    def is_ready(self) -> bool:
        try:
            lines = (self.cluster.data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return lines[0] == str(self.process.pid) and lines[7:8] == ["ready   "]


def _start_server(run: Run, cluster: Cluster) -> _Start:
    port = cluster.spec.port or free_port()
    set_port(run, cluster, port)
    log_from = cluster.log.stat().st_size
    config = f"config_file={cluster.config}"
    programs = cluster.bin_dir
    process = run.start([programs / "postgres", "-D", cluster.data, "-c", config], cluster.log)
    return _Start(cluster, process, port, log_from)


def _wait_until_ready(run: Run, ca_file: Path, start: _Start) -> RunningServer:
    """Wait for the server; choose another port if another program has taken the free one."""
    for _ in range(_ATTEMPTS):
        _wait(run, start)
        if not start.port_is_taken():
            return _connect(ca_file, start)
        run.stop(start.process)
        if start.cluster.spec.port:
            break
        start = _start_server(run, start.cluster)
    raise ServerError(
        f"{start.cluster} cannot start: port {start.port} of localhost is taken by another "
        "program; stop that program or choose another port"
    )


def _wait(run: Run, start: _Start) -> None:
    deadline = time.monotonic() + _START_SECONDS
    what, folder = f"starting {start.cluster}", run.folder.parent
    while not start.is_ready():
        if start.process.poll() is not None:
            if start.port_is_taken():
                return
            raise describe_failure(what, start.said(), folder)
        if time.monotonic() > deadline:
            raise describe_failure(f"{what} within {_START_SECONDS} s", start.said(), folder)
        time.sleep(0.02)


def _connect(ca_file: Path, start: _Start) -> RunningServer:
    spec = start.cluster.spec
    server = RunningServer(
        name=spec.name,
        major=spec.major,
        port=start.port,
        run_dir=ca_file.parent,
        ca_file=ca_file,
        pid=start.process.pid,
        password=start.cluster.password,
    )
    try:
        with psycopg.connect(server.dsn()) as conn:
            version = conn.info.server_version
    except psycopg.OperationalError as failure:
        raise ServerError(
            f"{start.cluster} runs but refuses its own superuser over TLS: {failure}"
        ) from failure
    if version // 10_000 != spec.major:
        raise ServerError(
            f"{start.cluster} is PostgreSQL {version // 10_000}: expected {spec.major} in "
            f"{start.cluster.bin_dir}; name the folder of the right programs"
        )
    return server
