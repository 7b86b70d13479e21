"""Opens the ledgers of the migration that migration.toml describes."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgcutover.catalog import read_manifest
from pgcutover.compare import CompareOptions, Comparer
from pgcutover.compare.options import limits_of, table_options
from pgcutover.config import Settings, load_rules
from pgcutover.config.dsn import require_dsn
from pgcutover.connect import open_side
from pgcutover.errors import ConfigError
from pgcutover.ledger.ledgers import LedgerParts
from pgcutover.ledger.store import FILE
from pgcutover.local_folder import NAME, make_local_folder
from pgcutover.sides import Sides


def parts_from(settings: Settings) -> LedgerParts:
    """Return what the ledgers are made of; ConfigError where a variable is not set.

    Both catalogs are read. Rows are read with the roles of [source] and [target], within the load
    of [budgets].
    """
    if not settings.ledger.is_on:
        raise ConfigError(
            f"{settings.path.name}: the change ledger is off; expected source_dsn_env and "
            "target_dsn_env in [ledger]"
        )
    own = Sides(settings.ledger.source_dsn_env, settings.ledger.target_dsn_env).map(require_dsn)
    dsns = Sides(settings.source.dsn_env, settings.target.dsn_env).map(require_dsn)
    with open_side("source", dsns.source) as source, open_side("target", dsns.target) as target:
        manifest = read_manifest(source, target, load_rules(settings))
    tables, limits = table_options(settings.tables), limits_of(settings.budgets)
    options = CompareOptions(
        salt=secrets.token_hex(16),
        statement_timeout_seconds=settings.budgets.statement_timeout_seconds,
        source_limits=limits.source,
        target_limits=limits.target,
        pause_seconds=settings.budgets.pause_seconds,
        tables=tables,
    )
    comparer = Comparer(dsns.source, dsns.target, manifest, options)
    path = make_local_folder(settings.path.parent) / FILE
    return LedgerParts(settings.ledger, own, manifest, comparer, path, tables)


@contextmanager
def single_reader(parts: LedgerParts) -> Iterator[None]:
    """Hold the lock of the ledgers; ConfigError while another process on this machine does."""
    with _held(parts.path):
        yield


def require_no_reader(settings: Settings) -> None:
    """Raise ConfigError while another process on this machine reads the ledgers."""
    path = settings.path.parent / NAME / FILE
    if settings.ledger.is_on and path.exists():
        with _held(path):
            pass


@contextmanager
def _held(path: Path) -> Iterator[None]:
    path = path.with_suffix(".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise ConfigError(
            "another process on this machine reads the change ledgers of this migration: expected "
            'no "pgcutover ledger run" beside a cutover, and only one; end it first'
        ) from error
    finally:
        os.close(descriptor)
