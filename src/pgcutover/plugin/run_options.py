"""The options of a run, and the pair of databases that it judges: a rehearsal's or the user's."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.catalog.table_sizes import read_table_sizes
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.connect import open_side
from pgcutover.context import RunContext
from pgcutover.errors import ConfigError
from pgcutover.generated_docs import checks_folder
from pgcutover.key_hashes import KeyHashes, KeySecret
from pgcutover.key_secret import find_secret
from pgcutover.mapping import MappedTable
from pgcutover.plugin import dsn_variables
from pgcutover.plugin.endpoints import Sides
from pgcutover.plugin.run_log import RunJournal
from pgcutover.schema.collect import take_schema


@dataclass(frozen=True, slots=True)
class Options:
    """The settings, the command line and the DSNs of a run; a rehearsal has no DSNs."""

    settings: Settings
    rehearsal: bool
    out: Path
    run_id: str
    provision: bool
    sabotage: str | None
    scale: int
    keep: bool
    resume: bool
    source_dsn: str | None
    target_dsn: str | None
    key_secret: KeySecret | None

    @property
    def checkpoints(self) -> Path | None:
        """The folder of all migrations' checkpoints; a rehearsal's databases never come back."""
        if self.rehearsal:
            return None
        return (Path.cwd() / self.settings.report.directory / "checkpoints").resolve()

    @property
    def check_folders(self) -> tuple[Path, ...]:
        """The folder of the installed checks, and of the user's own."""
        own = self.settings.checks.folder
        return checks_folder(), *([self.settings.resolve(own)] if own is not None else [])

    @classmethod
    def of(cls, config: pytest.Config) -> "Options":
        """Read the options of this run; ConfigError where one is missing or they contradict."""
        rehearsal = config.option.rehearse
        settings = load_settings(find_migration(config.option.migration, rehearsal=rehearsal))
        load_rules(settings)  # an unreadable mapping is refused before any server starts
        _refuse_contradictions(config, settings)
        if not rehearsal:
            dsn_variables.require_dsns(settings, provision=config.option.provision)
        run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + f"{os.getpid():x}"
        return cls(
            settings,
            rehearsal,
            (config.option.out or Path.cwd() / settings.report.directory / run_id).resolve(),
            run_id,
            config.option.provision,
            config.option.sabotage,
            config.option.scale or settings.rehearsal.scale,
            config.option.keep,
            config.option.resume,
            None if rehearsal else dsn_variables.read_dsn(settings.source.dsn_env),
            None if rehearsal else dsn_variables.read_dsn(settings.target.dsn_env),
            _key_secret(settings, is_kept=config.option.keep or not rehearsal),
        )


def _key_secret(settings: Settings, *, is_kept: bool) -> KeySecret | None:
    """The secret for key hashes; None where no database is left to look a key up in."""
    return find_secret(settings.path, create=True) if is_kept else None


def find_migration(named: Path | None, *, rehearsal: bool) -> Path:
    """Return the named file, else the packaged demo (rehearsal) or ./migration.toml (gate)."""
    import pgcutover.setup

    if named is not None:
        return named
    if rehearsal:
        return Path(pgcutover.setup.__path__[0]).parent / "migration.toml"
    here = Path.cwd() / "migration.toml"
    if not here.exists():
        raise ConfigError(
            "no migration.toml in this folder; name one with --migration FILE. To run the demo "
            'migration on embedded servers, use "rehearse" instead of "gate" (or add --rehearse)'
        )
    return here


@contextmanager
def open_run(options: Options, journal: RunJournal) -> Iterator[RunContext]:
    """Open the databases of a run and return its context."""
    with ExitStack() as stack:
        if options.rehearsal:
            from pgcutover.plugin.rehearsal import rehearse

            for variable in dsn_variables.list_set_variables(options.settings):
                journal.say(f"rehearsal: {variable} is set and not used")
            sides = stack.enter_context(rehearse(options, journal))
        else:
            from pgcutover.plugin.provisioning import real_sides

            sides = real_sides(options, journal)
        with journal.phase("manifest"):
            manifest = take_manifest(options.settings, sides)
        journal.say(f"manifest: {len(manifest.tables)} tables")
        if not options.rehearsal and options.settings.source.marker_dsn_env:
            find_marker(options.settings, manifest)
        with journal.phase("schema"):
            folder = options.settings.schema.scripts
            taken = take_schema(
                sides.source_dsn,
                sides.target_dsn,
                manifest,
                options.settings.resolve(folder) if folder else None,
                _read_scratch_dsn(options),
                journal.say,
                options.settings.differences,
            )
            taken.save(options.out / "schema")
        manifest = replace(manifest, expected=taken.names)
        _refuse_idle_suites(options.settings, manifest)
        yield RunContext(
            options.settings,
            sides.source_dsn,
            sides.target_dsn,
            manifest,
            sides.aws,
            options.rehearsal,
            taken.evidence,
            read_table_sizes(sides.source_dsn, manifest.tables),
            key_hashes=KeyHashes.of_run(options.key_secret, options.run_id)
            if options.key_secret
            else KeyHashes.unnamed(),
        )


def open_checkpoints(options: Options, manifest: Manifest) -> tuple[Path | None, Checkpoints]:
    """The checkpoints of this migration between these two databases, and their folder.

    Another migration, or the same one between other databases, may run from the same folder at
    the same time, and keeps its own.
    """
    if options.checkpoints is None:
        return None, Checkpoints(None, resume=False)
    sides = (manifest.source, manifest.target)
    parts = [options.settings.name, *((s.system_identifier, s.database) for s in sides)]
    folder = options.checkpoints / hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return folder, Checkpoints(folder, resume=options.resume)


def take_manifest(settings: Settings, sides: Sides) -> Manifest:
    """Both catalogs, read once."""
    with (
        open_side("source", sides.source_dsn) as source,
        open_side("target", sides.target_dsn) as target,
    ):
        return read_manifest(
            source,
            target,
            load_rules(settings),
            recent_columns={
                name: own.recent_column
                for name, own in settings.tables.items()
                if own.recent_column
            },
        )


def _read_scratch_dsn(options: Options) -> str | None:
    if options.rehearsal:
        return None
    return dsn_variables.read_dsn(options.settings.schema.scratch_dsn_env)


def find_marker(settings: Settings, manifest: Manifest) -> MappedTable:
    """Return the mapped table that carries markers; ConfigError where the mapping has none."""
    name = settings.schema.marker_table
    marker = next((t for t in manifest.tables if str(t.source) == name), None)
    if marker is None:
        raise ConfigError(
            f"schema.marker_table {name!r} is not a mapped table of the source, so no mover "
            "copies a marker; create the table there and include it in the table mappings, or "
            "remove source.marker_dsn_env"
        )
    return marker


def _refuse_idle_suites(settings: Settings, manifest: Manifest) -> None:
    """Refuse a suite of a table that is not mapped: it would never run."""
    if settings.expectations is None:
        return
    tables = {str(table) for table in manifest.tables}
    for suite in sorted(settings.resolve(settings.expectations).glob("*.json")):
        if suite.stem not in tables:
            raise ConfigError(
                f"expectations/{suite.name} matches no mapped table and so has no effect; name it "
                "schema.table.json after a table of the target, or remove it"
            )


def _refuse_contradictions(config: pytest.Config, settings: Settings) -> None:
    option = config.option
    for name in ("provision", "resume") if option.rehearse else ("sabotage", "scale", "keep"):
        if getattr(option, name):
            wanted = "real databases" if option.rehearse else "a rehearsal"
            change = "drop --rehearse" if option.rehearse else "add --rehearse"
            raise ConfigError(f"--{name} is for {wanted} only; {change} or drop --{name}")
    scale = settings.rehearsal.scale if option.scale is None else option.scale
    if scale not in range(1, 101):
        raise ConfigError(f"--scale: expected 1 to 100, found {scale}")
    if option.sabotage:
        from pgcutover.setup.demo import sabotage

        sabotage.check_name(option.sabotage)
