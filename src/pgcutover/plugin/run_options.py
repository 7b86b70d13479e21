"""The options of a run: migration.toml, the command line and the environment."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgcutover.checking.registry import checks_folder
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.config.dsn import read_dsn
from pgcutover.errors import ConfigError
from pgcutover.key_hash.hashing import KeySecret
from pgcutover.key_hash.secret import find_secret
from pgcutover.plugin.preparation import dsn_variables

STAGES_OF_ONE_SIDE = ("smoke", "after")
"""Stages about the side that is, or will be, open."""


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
    freeze_channel: int | None = None
    stage: str = ""
    plays_night: bool = False
    break_at: str = ""

    @property
    def compares_rows(self) -> bool:
        """Return whether the checks of this run may compare rows or schemas of both sides."""
        return self.stage not in STAGES_OF_ONE_SIDE

    @property
    def checkpoints(self) -> Path | None:
        """The folder of all migrations' checkpoints; a rehearsal's databases never come back."""
        if self.rehearsal or not self.compares_rows:
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
            None if rehearsal else read_dsn(settings.source.dsn_env),
            None if rehearsal else read_dsn(settings.target.dsn_env),
            _key_secret(settings, is_kept=config.option.keep or not rehearsal),
            config.option.freeze_channel,
            _stage(config),
            config.option.stop_after == "night",
            config.option.break_at or "",
        )


def _stage(config: pytest.Config) -> str:
    """Return the only stage that this run asks; '' for a gate."""
    option = config.option
    channels = {"freeze": option.freeze_channel, "smoke": option.smoke_channel}
    return option.stage or next((s for s, fd in channels.items() if fd is not None), "")


def _check_break(step: str, *, plays_night: bool) -> None:
    from pgcutover.cutover.resolver import Side, State, remaining_steps

    names = [known.value for known in remaining_steps(State(), Side.TARGET)]
    if step not in names:
        raise ConfigError(
            f"--break: expected a step of a cutover, found {step!r}; the steps are "
            f"{', '.join(names)}"
        )
    if not plays_night:
        raise ConfigError("--break kills a cutover of the night; add --stop-after night")


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


def _refuse_contradictions(config: pytest.Config, settings: Settings) -> None:
    option = config.option
    for_rehearsals = ("sabotage", "scale", "keep", "break_at", "stop_after")
    for name in ("provision", "resume") if option.rehearse else for_rehearsals:
        if getattr(option, name):
            wanted = "real databases" if option.rehearse else "a rehearsal"
            change = "drop --rehearse" if option.rehearse else "add --rehearse"
            flag = {"break_at": "break", "stop_after": "stop-after"}.get(name, name)
            raise ConfigError(f"--{flag} is for {wanted} only; {change} or drop --{flag}")
    if option.break_at:
        _check_break(option.break_at, plays_night=option.stop_after == "night")
    if option.freeze_channel is not None and getattr(option, "numprocesses", None):
        raise ConfigError("--freeze-channel runs in one process; drop -n")
    if option.stage and option.rehearse:
        raise ConfigError("--stage is for real databases only; drop --rehearse or drop --stage")
    scale = settings.rehearsal.scale if option.scale is None else option.scale
    if scale not in range(1, 101):
        raise ConfigError(f"--scale: expected 1 to 100, found {scale}")
    if option.sabotage:
        from pgcutover.setup.demo import sabotage

        sabotage.check_name(option.sabotage)
