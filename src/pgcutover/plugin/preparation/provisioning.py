"""Provisions schema and mover; finds what exists and does not create it again."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pgcutover.catalog.manifest import mapped_tables
from pgcutover.config import DmsSettings, Settings, load_rules, read_json
from pgcutover.config.dsn import read_dsn
from pgcutover.connect import open_owner, open_side, require_own_session, server_facts
from pgcutover.context import AwsAccess
from pgcutover.errors import ConfigError, ServerError
from pgcutover.extras import require_extra
from pgcutover.plugin.preparation.endpoints import Endpoints
from pgcutover.plugin.run_folder.run_log import RunJournal
from pgcutover.provision.applied_steps import Applied
from pgcutover.provision.phases import finish_target, prepare_target

if TYPE_CHECKING:
    from pgcutover.movers.dms import Dms
    from pgcutover.plugin.run_options import Options


@dataclass(frozen=True, slots=True)
class Site:
    """DSNs that may write, certificates and AWS access for provisioning."""

    source_dsn: str = field(repr=False)
    target_owner_dsn: str = field(repr=False)
    aws: AwsAccess
    source_ca_pem: str | None
    target_ca_pem: str | None
    evidence: Path


def real_sides(options: "Options", journal: RunJournal) -> Endpoints:
    """Return the databases that migration.toml names, provisioned first with --provision."""
    if options.source_dsn is None or options.target_dsn is None:
        raise ConfigError("both DSNs must be set")
    sides = Endpoints(options.source_dsn, options.target_dsn)
    refuse_same_database(sides.source_dsn, sides.target_dsn)
    variable = options.settings.source.marker_dsn_env
    if variable and (dsn := read_dsn(variable)):
        require_own_session(variable, dsn)
    if options.provision:
        if options.settings.mover.dms is not None:
            require_extra("AWS DMS", "dms")
        provision(options.settings, _real_site(options, sides), journal)
    return sides


def provision(settings: Settings, site: Site, journal: RunJournal) -> "Dms | None":
    """Schema, mover, load, post-load schema, changes flowing; the mover, if there is one."""
    refuse_same_database(site.source_dsn, site.target_owner_dsn)
    if settings.schema.scripts is None:
        raise ConfigError("provisioning needs schema.scripts in migration.toml; name its folder")
    scripts = settings.resolve(settings.schema.scripts)
    with open_owner(site.target_owner_dsn) as target:
        with journal.phase("schema before the load"):
            done = prepare_target(
                target,
                source_dsn=site.source_dsn,
                scripts=scripts,
                evidence=site.evidence,
                progress=journal.say,
            )
        _record(journal, done)
        mover = _load(settings, site, journal)
        with journal.phase("schema after the load"):
            done = finish_target(target, scripts=scripts, progress=journal.say)
        _record(journal, done)
    if mover is not None:
        mover.resume()
        journal.say("changes are being applied")
    return mover


def open_mover(
    settings: Settings, site: Site, journal: RunJournal, *, may_create: bool
) -> "Dms | None":
    """Return the mover of the settings; nothing is called yet."""
    from pgcutover.movers.dms import Dms, lob_limit_kb, with_lob_limit

    dms = settings.mover.dms
    if dms is None:
        return None
    task_settings = read_json(settings.resolve(dms.task_settings))
    with open_side("source", site.source_dsn) as source:
        limit = lob_limit_kb(source, mapped_tables(load_rules(settings), source))
        source_database = server_facts(source).database
    with open_side("target", site.target_owner_dsn) as target:
        target_database = server_facts(target).database
    return Dms(
        dms,
        mappings=read_json(settings.resolve(settings.table_mappings)),
        task_settings=with_lob_limit(task_settings, limit),
        source_ca_pem=site.source_ca_pem,
        target_ca_pem=site.target_ca_pem,
        source_database=source_database,
        target_database=target_database,
        aws=site.aws,
        may_create=may_create,
        progress=journal.say,
    )


def refuse_same_database(source_dsn: str, target_dsn: str) -> None:
    """Raise ServerError where both DSNs lead to one database; nothing could differ there."""
    with open_side("source", source_dsn) as one, open_side("target", target_dsn) as other:
        if server_facts(one).is_same_database(server_facts(other)):
            raise ServerError(
                "source and target are the same database of the same server, or one is a standby "
                "of the other; expected two databases; correct one of the two DSNs"
            )


def _load(settings: Settings, site: Site, journal: RunJournal) -> "Dms | None":
    mover = open_mover(settings, site, journal, may_create=True)
    if mover is None or settings.mover.dms is None:
        return None
    with journal.phase("mover provisioned"):
        mover.provision()
    with journal.phase("full load"):
        mover.start()
        mover.wait_until_loaded(settings.mover.dms.load_timeout_seconds)
    return mover


def _record(journal: RunJournal, done: list[Applied]) -> None:
    for step in done:
        journal.record(step.name, f"sha256 {step.sha256[:12]}", step.duration_seconds)


def _real_site(options: "Options", sides: Endpoints) -> Site:
    owner = read_dsn(options.settings.target.provision_dsn_env)
    if owner is None:
        raise ConfigError("the DSN of the target's owner must be set")
    dms = options.settings.mover.dms
    return Site(
        sides.source_dsn,
        owner,
        sides.aws,
        _pem(options.settings, dms, "source_ca_file"),
        _pem(options.settings, dms, "target_ca_file"),
        options.out / "schema",
    )


def _pem(settings: Settings, dms: DmsSettings | None, key: str) -> str | None:
    path = getattr(dms, key, None)
    if path is None:
        return None
    try:
        return settings.resolve(path).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mover.dms: {key} {path} is not a readable PEM file") from error
