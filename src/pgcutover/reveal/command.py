"""The command line of `pgcutover reveal`."""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pgcutover.catalog import Manifest, read_manifest
from pgcutover.compare.options import limits_of
from pgcutover.compare.plan.spec import TableOptions
from pgcutover.compare.scan.sessions import SideSession
from pgcutover.compare.throttle.governor import Governor
from pgcutover.compare.throttle.server_load import LoadLimits
from pgcutover.config import Settings, load_rules, load_settings
from pgcutover.config.dsn import require_dsn
from pgcutover.connect import open_side, open_watch
from pgcutover.errors import ConfigError
from pgcutover.key_hash.hashing import KeyHashes
from pgcutover.key_hash.secret import VARIABLE, find_secret
from pgcutover.reveal.finding import Lookup, find_result, lookups, read_run
from pgcutover.reveal.search import Row, Value, find_rows
from pgcutover.verdict_json.document import Document, ResultEntry

FOUND, NOT_FOUND = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("run_name", metavar="RUN", help="a run's id or its folder")
    parser.add_argument("key_hash", metavar="KEYHASH", help="a key hash of that run's findings")
    parser.add_argument(
        "--migration", type=Path, default=Path("migration.toml"), metavar="FILE",
        help="the migration.toml of the run; the secret for key hashes is beside it",
    )  # fmt: skip
    parser.add_argument(
        "--allow-redirect",
        action="store_true",
        help="write the row also where standard output is a file or a pipe, not a terminal",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the row on both sides; 1 where neither side has it any more."""
    if not (arguments.allow_redirect or sys.stdout.isatty()):
        raise ConfigError(
            "reveal shows a row of production data: expected a terminal, found standard output "
            "redirected; add --allow-redirect to write the row to a file or a pipe"
        )
    if not re.fullmatch("[0-9a-f]{16}", arguments.key_hash):
        raise ConfigError(f"KEYHASH: expected 16 hex digits, found {arguments.key_hash!r}")
    settings = load_settings(arguments.migration)
    document = read_run(arguments.run_name, Path.cwd() / settings.report.directory)
    result = find_result(document, arguments.key_hash)
    wanted: str = arguments.key_hash
    key_hash = _key_hashes(settings, document).of_table(result.object)
    dsns = [require_dsn(side.dsn_env) for side in (settings.source, settings.target)]
    with open_side("source", dsns[0]) as source, open_side("target", dsns[1]) as target:
        manifest = read_manifest(source, target, load_rules(settings))
    _warn(settings, document, manifest)
    places = lookups(manifest, result, _options(settings, result))

    def is_wanted(digest: bytes) -> bool:
        return key_hash(digest) == wanted

    sides = (_session("source", dsns[0], settings), _session("target", dsns[1], settings))
    rows = [_search(*each, is_wanted) for each in zip(sides, places, strict=True)]
    for line in _lines(result, places, rows):
        sys.stdout.write(f"{line}\n")
    return FOUND if any(rows) else NOT_FOUND


def _key_hashes(settings: Settings, document: Document) -> KeyHashes:
    run_id, wanted = document.run.id, document.key_secret_id
    if wanted is None:
        raise ConfigError(
            f"run {run_id}: its key hashes cannot be traced: a rehearsal throws their secret away "
            "with its databases, unless it is run with --keep"
        )
    secret = find_secret(settings.path, create=False)
    if secret.id != wanted:
        raise ConfigError(
            f"run {run_id}: expected the key secret with id {wanted}, found {secret.id} in "
            f"{secret.place}; set {VARIABLE} to the secret that the run used"
        )
    return KeyHashes.of_run(secret, run_id)


def _warn(settings: Settings, document: Document, manifest: Manifest) -> None:
    if settings.config_sha256 != document.migration.config_sha256:
        sys.stderr.write("warning: migration.toml or its files have changed since the run\n")
    sides = ((document.source, manifest.source), (document.target, manifest.target))
    for name, (recorded, found) in zip(("source", "target"), sides, strict=True):
        if recorded.system_identifier != found.system_identifier:
            sys.stderr.write(f"warning: the {name} is another server than the run's\n")


def _options(settings: Settings, result: ResultEntry) -> TableOptions:
    own = settings.tables.get(result.table)
    if own is None:
        return TableOptions()
    return TableOptions(own.key, tuple(e.column for e in own.exclude))


def _session(side: str, dsn: str, settings: Settings) -> SideSession:
    """Return a session with the throttle of a run; it connects when it is first used."""
    budgets = settings.budgets
    limits: LoadLimits = getattr(limits_of(budgets), side)
    governor = Governor(side, lambda: open_watch(dsn), limits, budgets.pause_seconds, _say)
    return SideSession(side, dsn, budgets.statement_timeout_seconds, governor=governor)


def _search(
    session: SideSession, place: Lookup | None, is_wanted: Callable[[bytes], bool]
) -> list[Row]:
    if place is None:
        return []
    _say(f"{session.side}: searching {place.table.name}")
    try:
        return find_rows(session, place, is_wanted)
    finally:
        session.close()


def _lines(
    result: ResultEntry, places: tuple[Lookup | None, Lookup], rows: list[list[Row]]
) -> Iterator[str]:
    kinds = ", ".join(finding.kind for finding in result.findings)
    yield f"{result.check_id}[{result.object}]: {kinds or result.verdict}"
    for side, place, found in zip(("source", "target"), places, rows, strict=True):
        if place is None:
            continue
        yield f"{side}: {place.table.name}" + ("" if found else ": no row with this key")
        for row in found:
            yield from _row_lines(place, row)


def _row_lines(place: Lookup, row: Row) -> Iterator[str]:
    names = [f"{c} (key)" if c in place.table.key else c for c in place.table.columns]
    width = max(map(len, names))
    for name, value in zip(names, row, strict=True):
        yield f"    {name:{width}}  {_shown(value)}"


def _shown(value: Value) -> str:
    """Return a value in quotes; control characters are escaped, because a terminal obeys them."""
    if value.text is None:
        return "NULL"
    more = f" ... ({value.characters:,} characters)" if value.characters > len(value.text) else ""
    return repr(value.text) + more


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
