"""Reports the differences of a table: exact counts, explained from a sample of the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import psycopg

from pgcutover.compare.differences.counts import SAMPLE_LIMIT, SuspectKey
from pgcutover.compare.differences.distribution import fetch_distribution
from pgcutover.compare.differences.row_sample import RowSample, diagnose_columns, fetch_sample
from pgcutover.compare.differences.scan_result import ScanResult
from pgcutover.compare.plan.model import TableComparison
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.key_hash.hashing import KeyHash
from pgcutover.sides import Sides
from pgcutover.text.words import count_noun
from pgcutover.verdict import Finding

_NO_SAMPLES = Sides(RowSample(), RowSample())
_WORDS = {
    "missing": "missing on the target",
    "extra": "extra on the target",
    "changed": "changed on the target",
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Samples of the differing rows, causes of the differing columns, and distributions."""

    samples: Sides[RowSample] = _NO_SAMPLES
    columns: Mapping[str, str] = field(default_factory=dict)
    distributions: Mapping[str, str] = field(default_factory=dict)

    def key_hashes(self, keys: list[SuspectKey], key_hash: KeyHash) -> list[str]:
        """Return the hashes by which a report names the sampled keys."""
        digests = {**self.samples.target.digests, **self.samples.source.digests}
        return [key_hash(digests[s.key]) for s in keys if s.key in digests]


def fetch_evidence(result: ScanResult) -> Evidence:
    """Read the rows and the distribution that a report of the result needs."""
    comparison, counts = result.comparison, result.counts
    if not counts.total:
        return Evidence(_fetch_samples(comparison, list(result.moving[:SAMPLE_LIMIT])))
    keys = [key for kind in counts.sampled.values() for key in kind]
    samples = _fetch_samples(comparison, keys)
    names = comparison.sides.target.table.columns
    columns = diagnose_columns(names, samples.source.values, samples.target.values)
    distributions = {
        kind: fetch_distribution(comparison, kind, getattr(counts, kind), counts.extents[kind])
        for kind in ("missing", "extra")
        if getattr(counts, kind)
    }
    return Evidence(samples, columns, distributions)


def _fetch_samples(comparison: TableComparison, keys: list[SuspectKey]) -> Sides[RowSample]:
    """Return the rows of some keys; none if a value is not valid text.

    The rows are reported as different without them.
    """
    if not keys:
        return _NO_SAMPLES
    try:
        return comparison.fetch_both(lambda side: fetch_sample(comparison, side, keys))
    except UnreadableError as error:
        if isinstance(error.__cause__, psycopg.errors.CharacterNotInRepertoire):
            return _NO_SAMPLES
        raise


def row_diff(result: ScanResult, evidence: Evidence, key_hash: KeyHash, noun: str = "row") -> Diff:
    """Return the differing rows of a scan."""
    if not result.counts.total:
        refuse_moving(result, evidence, key_hash)
    findings = tuple(_findings(result, evidence, key_hash, noun))
    return Diff(result.comparison.name, findings, result.facts)


def count_diff(result: ScanResult, evidence: Evidence, key_hash: KeyHash) -> Diff:
    """Return the difference between the numbers of rows."""
    name, source, target = result.comparison.name, result.rows_source, result.rows_target
    if source == target:
        refuse_moving(result, evidence, key_hash)
        return Diff(name, (), result.facts)
    rows = count_noun(source, "row")
    message = f"{name}: {rows} on the source, {target:,} on the target ({target - source:+d})"
    found = finding(name, "count differs", message, rows_source=source, rows_target=target)
    return Diff(name, (found,), result.facts)


def refuse_moving(result: ScanResult, evidence: Evidence, key_hash: KeyHash) -> None:
    """Raise UnreadableError if rows changed at every recheck, so that nothing is proven."""
    if not result.moving:
        return
    keys = evidence.key_hashes(list(result.moving[:SAMPLE_LIMIT]), key_hash)
    raise UnreadableError(
        f"{result.comparison.name}: {count_noun(len(result.moving), 'row')} changed at every "
        f"recheck, keys {' '.join(keys[:3])}; run again when the application writes less to them"
    )


def _findings(
    result: ScanResult, evidence: Evidence, key_hash: KeyHash, noun: str
) -> Iterator[Finding]:
    name, counts = result.comparison.name, result.counts
    for kind, words in _WORDS.items():
        count = getattr(counts, kind)
        if not count:
            continue
        keys = evidence.key_hashes(counts.sampled[kind], key_hash)
        message = f"{name}: {count_noun(count, noun)} {words}"
        facts: dict[str, object] = {"count": count, "key_hashes": keys}
        if kind == "changed" and evidence.columns:
            message += " in " + ", ".join(f"{c} ({d})" for c, d in evidence.columns.items())
            facts["columns"] = dict(evidence.columns)
        if distribution := evidence.distributions.get(kind):
            message += f", {distribution}"
            facts["spread"] = distribution
        if kind == "extra" and counts.duplicated:
            message += f" ({counts.duplicated} of them repeat a key)"
        message += f", keys {' '.join(keys[:3])}"
        message += f" and {len(keys) - 3} more" if count == len(keys) > 3 else ""
        if count > len(keys):
            facts["sampled"] = f"{len(keys)} keys of {count} rows, at most {SAMPLE_LIMIT}"
            message += f" (sampled, {count_noun(count, 'row')} in all)"
        if state := _state(result.notes):
            message += f"; {state}"
            facts["state"] = state
        yield finding(name, f"rows {kind}", message, **facts)


def _state(notes: Mapping[str, object]) -> str:
    """Return the results of the rechecks; '' if there were none."""
    if "fence" not in notes:
        return ""
    unproven = (
        f"still different after {count_noun(int(str(notes['waits'])), 'recheck')}, {notes['fence']}"
        if notes["waits"]
        else "different, and not modified for longer than rechecks would wait"
    )
    keys = {
        f"CONFIRMED for {{}} behind {notes['fence']}": notes["confirmed_keys"],
        f"{{}} {unproven}": notes["unproven_keys"],
        "{} kept changing": notes["moving_keys"],
    }
    told = [w.format(count_noun(int(str(n)), "key")) for w, n in keys.items() if n]
    if unchecked := notes.get("unchecked_rows"):
        told.append(f"{count_noun(int(str(unchecked)), 'more row', 'more rows')} not rechecked")
    return ", ".join(told)
