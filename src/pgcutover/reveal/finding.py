"""The finding of a run that names a key by its hash, and the columns that were hashed."""

from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import sql

from pgcutover.catalog import Manifest
from pgcutover.compare.hashing.row_text import ComparedTable, digest_of, key_digest, text_of
from pgcutover.compare.orphans import mapped_key
from pgcutover.compare.plan.spec import TableOptions, resolve_tables
from pgcutover.errors import ConfigError, PgCutoverError
from pgcutover.verdict_json.document import Document, ResultEntry
from pgcutover.verdict_json.file import read_verdict


@dataclass(frozen=True, slots=True)
class Lookup:
    """One side of a lookup: the table, and whether its key is that of an orphaned row."""

    table: ComparedTable
    is_orphan: bool = False

    @property
    def digest(self) -> sql.Composed:
        """Return the SQL of the digest whose HMAC is the key hash."""
        if self.is_orphan:
            return digest_of(text_of(self.table.key))
        return key_digest(self.table)


def read_run(named: str, folder: Path) -> Document:
    """Return the verdict of a run, named by its id or by its folder."""
    places = [Path(named), folder / named]
    for path in (p if p.suffix == ".json" else p / "verdict.json" for p in places):
        if path.is_file():
            return read_verdict(path)
    raise ConfigError(
        f"run {named!r}: expected its id or its folder, found no verdict.json in "
        f"{' or '.join(map(str, places))}"
    )


def find_result(document: Document, key_hash: str) -> ResultEntry:
    """Return the first result that names the key."""
    for result in document.results:
        named = [h for f in result.findings for h in _hashes(f.evidence)]
        if key_hash in (*named, *result.message.split()):
            return result
    raise PgCutoverError(
        f"run {document.run.id}: expected a finding with key hash {key_hash}, found none; copy "
        "the hash from the sign-off page or from verdict.json"
    )


def lookups(
    manifest: Manifest, result: ResultEntry, options: TableOptions
) -> tuple[Lookup | None, Lookup]:
    """Return where to look on source and target; only the target is searched for an orphan."""
    table = manifest.target_table(result.table)
    if table is None:
        raise PgCutoverError(
            f"{result.table}: expected a mapped table of this name on the target, found none; "
            "the mapping rules have changed since the run"
        )
    source, target = resolve_tables(manifest, table, options)
    if result.check_id != "DATA-ORPHANS":
        return Lookup(source), Lookup(target)
    return None, Lookup(replace(target, key=_orphan_columns(manifest, result.object)), True)


def _orphan_columns(manifest: Manifest, name: str) -> tuple[str, ...]:
    key = manifest.target_catalog.foreign_key(name)
    if key is None:
        expected = next((k for k in manifest.expected_foreign_keys() if str(k) == name), None)
        key = mapped_key(manifest, expected) if expected is not None and expected.source else None
    if key is None:
        raise PgCutoverError(f"{name}: neither side has this foreign key any more")
    return tuple(key.columns)


def _hashes(evidence: dict[str, object]) -> list[object]:
    hashes = evidence.get("key_hashes")
    return list(hashes) if isinstance(hashes, list) else []
