"""Makes the parts of a cutover from migration.toml."""

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgcutover import __version__
from pgcutover.catalog import Manifest, read_manifest
from pgcutover.compare import CompareOptions
from pgcutover.compare.options import table_options
from pgcutover.config import DmsSettings, Settings, load_rules, read_json
from pgcutover.config.dsn import read_dsn
from pgcutover.connect import ServerFacts, open_side, server_facts
from pgcutover.context import AwsAccess
from pgcutover.cutover.databases.marker_mover import MarkerMover
from pgcutover.cutover.databases.operator_lock import operator_lock
from pgcutover.cutover.databases.return_slot import LogicalSlots
from pgcutover.cutover.databases.sequence_positions import SequencePositions
from pgcutover.cutover.databases.table_freeze import TableFreeze
from pgcutover.cutover.driver import Driver
from pgcutover.cutover.errors import RefusedError
from pgcutover.cutover.gates.approval import Approval
from pgcutover.cutover.gates.comparison_gate import ComparisonGate
from pgcutover.cutover.gates.gate_verdict import Expected
from pgcutover.cutover.gates.ledger_gate import LedgerGate
from pgcutover.cutover.gates.proof_method import choose_method
from pgcutover.cutover.gates.stage_gate import StageGate
from pgcutover.cutover.gates.verdict_ledger import ExpectedLedgers
from pgcutover.cutover.gates.whole_tables import WholeTables
from pgcutover.cutover.hooks.run import HookRunner
from pgcutover.cutover.journal import Identity, open_journal
from pgcutover.cutover.protocols import FinalGate, Mover
from pgcutover.cutover.resolver import Side
from pgcutover.cutover.smoke_suite import SmokeSuite
from pgcutover.cutover.switching.env_file import EnvFilePointer
from pgcutover.cutover.switching.pointer import Pointer
from pgcutover.cutover.switching.secret_switch import SecretPointer
from pgcutover.cutover.world import Budget, World
from pgcutover.errors import ConfigError
from pgcutover.freeze import PoolerHooks, WarmGate
from pgcutover.ledger.identity import find_faults, read_identity
from pgcutover.local_folder import make_local_folder
from pgcutover.mapping import MappedTable, RelationName
from pgcutover.sides import Sides

if TYPE_CHECKING:
    from pgcutover.movers.dms.way_back.change_task import ChangeTasks

_MAX_SLOT_NAME = 40
_AWS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Databases:
    """DSNs of the reading roles and of the roles that change things, and the manifest."""

    readers: Mapping[Side, str]
    owners: Mapping[Side, str]
    manifest: Manifest

    def __repr__(self) -> str:
        """Show no DSN."""
        return f"Databases({len(self.manifest.tables)} tables)"

    def facts(self, side: Side) -> ServerFacts:
        """Return the server and the database of a side."""
        return self.manifest.source if side is Side.SOURCE else self.manifest.target


def open_databases(settings: Settings) -> Databases:
    """Read both catalogs; ConfigError where a variable is not set."""
    freeze = settings.freeze
    readers = {
        Side.SOURCE: read_variable("source.dsn_env", settings.source.dsn_env),
        Side.TARGET: read_variable("target.dsn_env", settings.target.dsn_env),
    }
    owners = {
        Side.SOURCE: read_variable("freeze.dsn_env", freeze.dsn_env),
        Side.TARGET: read_variable("freeze.target_dsn_env", freeze.target_dsn_env),
    }
    with (
        open_side("source", readers[Side.SOURCE]) as source,
        open_side("target", readers[Side.TARGET]) as target,
    ):
        databases = Databases(readers, owners, read_manifest(source, target, load_rules(settings)))
    _refuse_wrong_databases(databases)
    return databases


def _refuse_wrong_databases(databases: Databases) -> None:
    """Raise RefusedError where a DSN does not lead to its side: the wrong one would be fenced."""
    source, target = (databases.facts(side) for side in Side)
    if source.is_same_database(target):
        raise RefusedError(
            "source and target are the same database, or one is a standby of the other; expected "
            "two databases; correct source.dsn_env or target.dsn_env"
        )
    keys = {Side.SOURCE: "freeze.dsn_env", Side.TARGET: "freeze.target_dsn_env"}
    for side, key in keys.items():
        with open_side(key, databases.owners[side]) as connection:
            found, expected = server_facts(connection), databases.facts(side)
        if not found.is_same_database(expected):
            raise RefusedError(
                f"{key}: expected the {side}, database {expected.database} of system "
                f"{expected.system_identifier}, found database {found.database} of system "
                f"{found.system_identifier}; correct its DSN"
            )


@contextmanager
def open_driver(
    settings: Settings,
    databases: Databases,
    approval: Approval,
    check_gate: Callable[[], Mapping[str, object]],
    progress: Callable[[str], None],
    *,
    must_unfreeze: bool = False,
    find_gate: Callable[[], Path | None] = lambda: None,
) -> Iterator[Driver]:
    """Return a driver that is alone, with its journal open."""
    with ExitStack() as stack:
        lock = stack.enter_context(operator_lock(settings.name, databases.owners))
        journal = open_journal(settings.path, identity_of(settings, databases))
        stack.enter_context(closing(journal))
        world = make_world(
            settings,
            databases,
            approval,
            check_gate,
            must_unfreeze=must_unfreeze,
            find_gate=find_gate,
        )
        for freeze in world.freezes.values():
            stack.callback(freeze.unlock)
        stack.callback(world.gate.close)
        stack.callback(world.sequences.close)
        if world.smoke is not None:
            stack.callback(world.smoke.close)
        yield Driver(world, journal, lock.verify, progress)


def identity_of(settings: Settings, databases: Databases) -> Identity:
    """Return the migration and the databases that its journal is bound to."""
    places = [f"{facts.system_identifier}/{facts.database}" for facts in map(databases.facts, Side)]
    return Identity(settings.name, *places)


def expected_verdict(settings: Settings, databases: Databases) -> Expected:
    """Return what a verdict must be about to open the cutover."""
    source, target = (
        (facts.system_identifier, facts.database) for facts in map(databases.facts, Side)
    )
    ledgers = None
    if choose_method(settings)[0]:
        ledgers = ExpectedLedgers(read_identity(settings), tuple(find_faults(settings)))
    systems = Sides(source, target)
    return Expected(settings.name, settings.config_sha256, __version__, systems, ledgers)


def make_world(
    settings: Settings,
    databases: Databases,
    approval: Approval,
    check_gate: Callable[[], Mapping[str, object]],
    *,
    must_unfreeze: bool = False,
    find_gate: Callable[[], Path | None] = lambda: None,
) -> World:
    """Return all that the steps act on; nothing is opened yet.

    `find_gate` returns the folder of the run that `check_gate` accepted, if there is one.
    """
    cutover, tables = settings.cutover, databases.manifest.tables
    marker = _marker(settings, tables)
    hooks = HookRunner(settings.name, settings.path.parent)
    prefix = slot_prefix(settings.name)
    budget = Budget(settings.freeze.budget_seconds)
    freezes = {side: _freeze(settings, databases, side, marker, hooks) for side in Side}
    return World(
        settings.name,
        cutover,
        freezes,
        _mover(settings, databases, marker, hooks),
        StageGate(
            make_gate(settings, databases),
            freezes,
            budget,
            make_local_folder(settings.path.parent) / "final-gate",
            lambda out: WarmGate(settings.path, out),
            find_gate,
            settings.freeze.mover_role,
            cutover.hooks.fence_mover is not None,
        ),
        LogicalSlots(databases.owners, cutover.slot_plugin),
        SequencePositions(databases.owners, tables),
        make_pointers(settings),
        hooks,
        check_gate,
        approval,
        budget,
        prefix,
        SmokeSuite(settings.path) if cutover.smoke.suite else None,
        must_unfreeze,
    )


def _mover(
    settings: Settings,
    databases: Databases,
    marker: Mapping[Side, RelationName],
    hooks: HookRunner,
) -> Mover:
    """Return the configured mover; the team's own hook for its start goes before ours."""
    cutover, tables = settings.cutover, databases.manifest.tables
    by_marker = MarkerMover(
        databases.owners,
        (marker,),
        settings.freeze.max_lag_seconds,
        hooks,
        lambda name: getattr(cutover.hooks, name),
        settings.freeze.mover_role,
        {side: _tables(tables, side) for side in Side},
    )
    dms = settings.mover.dms
    if dms is None or cutover.hooks.start_mover is not None:
        return by_marker
    from pgcutover.cutover.databases.dms_mover import DmsMover

    return DmsMover(
        by_marker,
        lambda: _change_tasks(dms),
        databases.readers,
        databases.manifest,
        read_json(settings.resolve(settings.table_mappings)),
        cutover.slot_plugin,
    )


def _change_tasks(dms: DmsSettings) -> "ChangeTasks":
    from pgcutover.movers.dms.client import Api
    from pgcutover.movers.dms.poll import poll_seconds
    from pgcutover.movers.dms.way_back.change_task import ChangeTasks

    api = Api(dms.region, _aws_access())
    return ChangeTasks(api, dms, lambda _: None, poll_seconds(api.local))


def _aws_access() -> AwsAccess:
    return AwsAccess(os.environ.get("PGCUTOVER_AWS_ENDPOINT_URL"))


def make_gate(settings: Settings, databases: Databases) -> FinalGate:
    """Return the rows' proof: by the change ledger where it can be, else by a full comparison."""
    options = CompareOptions(
        secrets.token_hex(16),
        config_sha256=settings.config_sha256,
        tables=table_options(settings.tables),
    )
    dsns = (databases.readers[Side.SOURCE], databases.readers[Side.TARGET])
    full = ComparisonGate(dsns, databases.manifest, options)
    by_ledger, _ = choose_method(settings)
    return LedgerGate(settings, WholeTables(full)) if by_ledger else full


def make_pointers(settings: Settings) -> tuple[Pointer, ...]:
    """Return the pointers that migration.toml names."""
    secret, env_file = settings.cutover.secret, settings.cutover.env_file
    pointers: list[Pointer] = []
    if secret is not None:
        from pgcutover.movers.dms.client import Api

        url = read_variable("cutover.secret.target_url_env", secret.target_url_env)
        # a switch is made in the freeze, so an endpoint that hangs must be given up soon
        api = Api(secret.region, _aws_access(), answer_seconds=_AWS_SECONDS, attempts=2)
        pointers.append(SecretPointer(api, secret.id, secret.target_url_env, url))
    if env_file is not None:
        urls = {
            Side.SOURCE: read_variable("cutover.env_file.source_url_env", env_file.source_url_env),
            Side.TARGET: read_variable("cutover.env_file.target_url_env", env_file.target_url_env),
        }
        pointers.append(EnvFilePointer(settings.resolve(env_file.path), env_file.name, urls))
    return tuple(pointers)


def slot_prefix(migration: str) -> str:
    """Return the first part of the names of a migration's slots."""
    return f"pgcutover_{re.sub('[^a-z0-9_]', '_', migration.lower())[:_MAX_SLOT_NAME]}"


def read_variable(key: str, variable: str) -> str:
    """Return the DSN in a variable that migration.toml names; ConfigError where there is none."""
    if not variable:
        raise ConfigError(f"{key} is not set in migration.toml; the cutover needs it")
    if dsn := read_dsn(variable):
        return dsn
    raise ConfigError(f"{variable} is not set ({key}); expected it to hold a DSN")


def _freeze(
    settings: Settings,
    databases: Databases,
    side: Side,
    marker: Mapping[Side, RelationName],
    hooks: HookRunner,
) -> TableFreeze:
    tables = databases.manifest.tables
    names = _tables(tables, side)
    pause, resume = settings.freeze.pause, settings.freeze.resume
    pooler = None
    if settings.freeze.mode == "hook" and pause is not None and resume is not None:
        pooler = PoolerHooks(
            lambda: hooks.run("pause", pause, side), lambda: hooks.run("resume", resume, side)
        )
    return TableFreeze(
        side,
        databases.owners[side],
        names,
        marker[side],
        settings.freeze,
        databases.readers[side],
        pooler,
    )


def _tables(tables: tuple[MappedTable, ...], side: Side) -> tuple[RelationName, ...]:
    return tuple(t.source if side is Side.SOURCE else t.target for t in tables)


def _marker(settings: Settings, tables: tuple[MappedTable, ...]) -> Mapping[Side, RelationName]:
    name = settings.schema.marker_table
    found = next((t for t in tables if str(t.source) == name), None)
    if found is None:
        raise RefusedError(
            f"schema.marker_table {name!r} is not a mapped table, so no drain can be proven; "
            "create it on the source and include it in the table mappings"
        )
    return {Side.SOURCE: found.source, Side.TARGET: found.target}
