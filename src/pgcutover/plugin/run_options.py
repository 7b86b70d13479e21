"""From options to a judged-ready pair of databases: a rehearsal, or the user's own."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.config import Settings, Source, Target, load_rules, load_settings
from pgcutover.connect import open_side
from pgcutover.context import RunContext
from pgcutover.errors import ConfigError
from pgcutover.plugin.endpoints import Sides
from pgcutover.plugin.run_log import RunJournal
from pgcutover.schema.collect import take_schema


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line and the environment ask for."""

    settings: Settings
    out: Path
    run_id: str
    provision: bool
    sabotage: str | None
    scale: int
    keep: bool
    resume: bool
    source_dsn: str | None
    target_dsn: str | None

    @property
    def rehearsal(self) -> bool:
        """Whether no database was named, so that embedded servers take part."""
        return self.source_dsn is None and self.target_dsn is None

    @property
    def checkpoints(self) -> Path | None:
        """Where checkpoints of all migrations lie; a rehearsal's databases never come back."""
        if self.rehearsal:
            return None
        return (Path.cwd() / self.settings.report.directory / "checkpoints").resolve()

    @classmethod
    def of(cls, config: pytest.Config) -> "Options":
        """The options of this run; ConfigError where they contradict each other."""
        settings = load_settings(find_migration(config.option.migration))
        load_rules(settings)  # so that an unreadable mapping stops us before any server starts
        run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + f"{os.getpid():x}"
        options = cls(
            settings,
            (config.option.out or Path.cwd() / settings.report.directory / run_id).resolve(),
            run_id,
            config.option.provision,
            config.option.sabotage,
            config.option.scale or settings.rehearsal.scale,
            config.option.keep,
            config.option.resume,
            os.environ.get(_variable(settings.source, "source")),
            os.environ.get(_variable(settings.target, "target")),
        )
        _refuse_contradictions(options, config)
        return options


def find_migration(named: Path | None) -> Path:
    """The named file, else ./migration.toml, else the packaged rehearsal of KGC."""
    import pgcutover.setup

    if named is not None:
        return named
    here = Path.cwd() / "migration.toml"
    return here if here.exists() else Path(pgcutover.setup.__path__[0]).parent / "migration.toml"


@contextmanager
def open_run(options: Options, journal: RunJournal) -> Iterator[RunContext]:
    """The context of a run while its databases can be reached."""
    with ExitStack() as stack:
        if options.rehearsal:
            from pgcutover.plugin.rehearsal import rehearse

            sides = stack.enter_context(rehearse(options, journal))
        else:
            from pgcutover.plugin.provisioning import real_sides

            sides = real_sides(options, journal)
        with journal.phase("manifest"):
            manifest = take_manifest(options.settings, sides)
        journal.say(f"manifest: {len(manifest.tables)} tables")
        with journal.phase("schema"):
            folder = options.settings.schema.scripts
            taken = take_schema(
                sides.source_dsn,
                sides.target_dsn,
                manifest,
                options.settings.resolve(folder) if folder else None,
                os.environ.get(options.settings.schema.scratch_dsn_env or ""),
                journal.say,
            )
            taken.save(options.out / "schema")
        said = {(d.kind, d.object) for d in manifest.declared}
        derived = [d for d in taken.derived if (d.kind, d.object) not in said]
        manifest = replace(manifest, declared=(*manifest.declared, *derived))
        _refuse_idle_suites(options.settings, manifest)
        yield RunContext(
            options.settings,
            sides.source_dsn,
            sides.target_dsn,
            manifest,
            sides.aws,
            options.rehearsal,
            taken.evidence,
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
            declared=settings.differences,
            recent_columns={
                name: own.recent_column
                for name, own in settings.tables.items()
                if own.recent_column
            },
        )


def _refuse_idle_suites(settings: Settings, manifest: Manifest) -> None:
    """A suite that no table would ask for must not look like one that holds."""
    if settings.expectations is None:
        return
    tables = {str(table) for table in manifest.tables}
    for suite in sorted(settings.resolve(settings.expectations).glob("*.json")):
        if suite.stem not in tables:
            raise ConfigError(
                f"expectations/{suite.name} matches no mapped table and so has no effect; name it "
                "schema.table.json after a table of the target, or remove it"
            )


def _variable(side: Source | Target, which: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", side.dsn_env):
        raise ConfigError(
            f"{which}: dsn_env must be the name of an environment variable that holds the DSN, "
            "never the DSN itself"
        )
    return side.dsn_env


def _refuse_contradictions(options: Options, config: pytest.Config) -> None:
    settings = options.settings
    if (options.source_dsn is None) != (options.target_dsn is None):
        missing = settings.source if options.source_dsn is None else settings.target
        raise ConfigError(
            f"{missing.dsn_env} is not set, but the other side's DSN is; set both for a real "
            "migration or neither for a rehearsal"
        )
    if not options.rehearsal:
        for name in ("sabotage", "scale", "keep"):
            if getattr(config.option, name):
                raise ConfigError(f"--{name} is for rehearsals only; unset the DSNs or drop it")
    if options.rehearsal and options.resume:
        raise ConfigError(
            "--resume is for real databases only: a rehearsal's are new each time; set the DSNs "
            "or drop it"
        )
    if options.scale not in range(1, 101):
        raise ConfigError(f"--scale: expected 1 to 100, found {options.scale}")
    if options.sabotage:
        from pgcutover.setup.demo import sabotage

        sabotage.check_name(options.sabotage)
