"""Opens the databases of a run and reads what every check needs: catalogs, schemas, sizes."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.catalog.table_sizes import read_table_sizes
from pgcutover.compare.scan.checkpoints import Checkpoints
from pgcutover.config import Settings, load_rules
from pgcutover.config.dsn import read_dsn
from pgcutover.connect import open_side
from pgcutover.context import RunContext
from pgcutover.errors import ConfigError
from pgcutover.key_hash.hashing import KeyHashes
from pgcutover.mapping import MappedTable
from pgcutover.plugin.preparation import dsn_variables
from pgcutover.plugin.preparation.endpoints import Endpoints
from pgcutover.plugin.run_folder.run_log import RunJournal
from pgcutover.plugin.run_options import Options
from pgcutover.schema.collect import CollectedSchema, collect_schema, read_schemas
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.objects import Snapshot

if TYPE_CHECKING:
    from pgcutover.rehearsal.stage import Stage


@dataclass(frozen=True, slots=True)
class OpenRun:
    """The context of a run, which workers get too, and the servers of a rehearsal."""

    context: RunContext
    stage: "Stage | None"


@contextmanager
def open_run(options: Options, journal: RunJournal) -> Iterator[OpenRun]:
    """Open the databases of a run and return its context; a rehearsal's servers run meanwhile."""
    settings = options.settings
    with ExitStack() as stack:
        sides = _open_sides(options, journal, stack)
        with journal.phase("manifest"):
            manifest = read_catalogs(settings, sides)
        journal.say(f"manifest: {len(manifest.tables)} tables")
        if not options.rehearsal and settings.source.marker_dsn_env:
            find_marker(settings, manifest)
        with journal.phase("schema"):
            schema = _collect_schema(options, sides, manifest, journal)
        manifest = replace(manifest, expected=schema.names)
        _refuse_idle_suites(settings, manifest)
        secret = options.key_secret
        context = RunContext(
            settings,
            sides.source_dsn,
            sides.target_dsn,
            manifest,
            sides.aws,
            options.rehearsal,
            schema.evidence,
            read_table_sizes(sides.source_dsn, manifest.tables),
            stage=options.stage,
            key_hashes=KeyHashes.of_run(secret, options.run_id) if secret else KeyHashes.unnamed(),
        )
        yield OpenRun(context, sides.stage)


def _open_sides(options: Options, journal: RunJournal, stack: ExitStack) -> Endpoints:
    """Return the databases: a rehearsal's, which end with the stack, or the user's."""
    if not options.rehearsal:
        from pgcutover.plugin.preparation.provisioning import real_sides

        return real_sides(options, journal)
    from pgcutover.plugin.preparation.rehearsal import rehearse

    for variable in dsn_variables.list_set_variables(options.settings):
        journal.say(f"rehearsal: {variable} is set and not used")
    return stack.enter_context(rehearse(options, journal))


def _collect_schema(
    options: Options, sides: Endpoints, manifest: Manifest, journal: RunJournal
) -> CollectedSchema:
    """Read both schemas, build the expected one, and save all three as evidence.

    A stage about one side needs none of them, and has no time for them.
    """
    if not options.compares_rows:
        nothing = Snapshot("", 0, "", ())
        return CollectedSchema(SchemaEvidence(nothing, nothing), None, {})
    settings, dsns = options.settings, (sides.source_dsn, sides.target_dsn)
    if options.freeze_channel is not None:  # the gate has compared them with the expected one
        collected = read_schemas(*dsns, manifest, settings.differences)
    else:
        collected = collect_schema(
            *dsns,
            manifest,
            settings.resolve(settings.schema.scripts) if settings.schema.scripts else None,
            _read_scratch_dsn(options),
            journal.say,
            settings.differences,
        )
    collected.save(options.out / "schema")
    return collected


def open_checkpoints(options: Options, manifest: Manifest) -> tuple[Path | None, Checkpoints]:
    """Return the checkpoints of this migration between these databases, and their folder.

    Another migration, or the same one between other databases, has a folder of its own.
    """
    if options.checkpoints is None:
        return None, Checkpoints(None, resume=False)
    sides = (manifest.source, manifest.target)
    parts = [options.settings.name, *((s.system_identifier, s.database) for s in sides)]
    folder = options.checkpoints / hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return folder, Checkpoints(folder, resume=options.resume)


def read_catalogs(settings: Settings, sides: Endpoints) -> Manifest:
    """Return the manifest: both catalogs and the mapping between them."""
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
    return read_dsn(options.settings.schema.scratch_dsn_env)


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
