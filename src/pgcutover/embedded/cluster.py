"""One server's files: created by initdb, then configured for TLS, SCRAM and logical WAL."""

import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pgcutover.embedded.failures import describe_failure
from pgcutover.embedded.run import Process, Run
from pgcutover.embedded.tls import Authority

SUPERUSER = "postgres"

_SETTINGS = {
    "listen_addresses": "localhost",
    # the path of a socket may have 107 bytes at most, a run folder's may have more
    "unix_socket_directories": "",
    "ssl": "on",
    "password_encryption": "scram-sha-256",
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_worker_processes": "16",
    "wal_retrieve_retry_interval": "200ms",
    "shared_buffers": "64MB",
    # segments in files are removed with the folder, and containers have 64 MB of /dev/shm
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # a statement may contain a password or a patient's data
    "log_min_error_statement": "panic",
}
_THROWN_AWAY = {"fsync": "off", "full_page_writes": "off"}

_HBA = """\
# TLS and a password, or nothing
hostssl all         all 127.0.0.1/32 scram-sha-256
hostssl all         all ::1/128      scram-sha-256
hostssl replication all 127.0.0.1/32 scram-sha-256
hostssl replication all ::1/128      scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server to start; port 0 is any free port, `durable` switches fsync on."""

    name: str
    major: int
    settings: Mapping[str, str] = field(default_factory=dict)
    durable: bool = False
    port: int = 0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server's files: programs in `bin_dir`, data and settings in `home`."""

    spec: ServerSpec
    bin_dir: Path
    home: Path
    password: str = field(repr=False)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.home / "data"

    @property
    def config(self) -> Path:
        """The server's settings, outside the data folder."""
        return self.home / "server.conf"

    @property
    def log(self) -> Path:
        """The log of initdb and of the server."""
        return self.home / "server.log"

    def __str__(self) -> str:
        """The server's name and major version."""
        return f"server {self.spec.name!r} (PostgreSQL {self.spec.major})"

    def said(self, log_from: int = 0) -> str:
        """Return the log from a position on; only its end if it is long."""
        try:
            return self.log.read_bytes()[log_from:][-20_000:].decode(errors="replace")
        except OSError:
            return ""


def begin_initdb(run: Run, spec: ServerSpec, bin_dir: Path) -> "Initdb":
    """Start initdb for a new cluster; several can run at the same time."""
    home = run.make_folder(run.folder / spec.name)
    cluster = Cluster(spec, bin_dir, home, secrets.token_urlsafe(24))
    run.make_data_folder(cluster.data)
    password_file = run.write(home / "initial-password", cluster.password, for_server=True)
    argv: list[str | Path] = [
        bin_dir / "initdb",
        "-D",
        cluster.data,
        "-U",
        SUPERUSER,
        f"--pwfile={password_file}",
    ]
    options = ["--no-sync", "-E", "UTF8", f"--locale={_locale()}", "-A", "scram-sha-256"]
    return Initdb(cluster, password_file, run.start([*argv, *options], cluster.log))


@dataclass(frozen=True, slots=True)
class Initdb:
    """A running initdb."""

    cluster: Cluster
    password_file: Path
    process: Process

    def finish(self, run: Run, authority: Authority) -> Cluster:
        """Wait for initdb, configure the cluster and return it."""
        code = self.process.wait()
        self.password_file.unlink()
        if code != 0:
            what = f"making the files of {self.cluster}"
            raise describe_failure(what, self.cluster.said(), run.folder.parent)
        _configure(run, self.cluster, authority)
        return self.cluster


def set_port(run: Run, cluster: Cluster, port: int) -> None:
    """Make the cluster listen on this port from its next start on."""
    run.write(cluster.home / "port.conf", f"port = {port}\n", for_server=True)


def free_port() -> int:
    """Return a port of localhost that is free now; another program may still take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _configure(run: Run, cluster: Cluster, authority: Authority) -> None:
    certificate = authority.certify()
    files = {
        "ssl_key_file": run.write(cluster.home / "server.key", certificate.key, for_server=True),
        "ssl_cert_file": run.write(cluster.home / "server.crt", certificate.chain, for_server=True),
        "hba_file": run.write(cluster.home / "pg_hba.conf", _HBA, for_server=True),
    }
    spec = cluster.spec
    settings = {**_SETTINGS, **({} if spec.durable else _THROWN_AWAY), **spec.settings, **files}
    lines = [
        f"include '{_quoted(cluster.data / 'postgresql.conf')}'\n",  # locale, as initdb found it
        *(f"{name} = '{_quoted(value)}'\n" for name, value in settings.items()),
        "include 'port.conf'\n",
    ]
    run.write(cluster.config, "".join(lines), for_server=True)


def _quoted(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "''")


def _locale() -> str:
    """Return a UTF-8 locale that every system of this kind has."""
    return "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
