"""Answers of the schema stage: the target against the expected schema, and against the source."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pgcutover.diff import Diff
from pgcutover.errors import UnreadableError
from pgcutover.schema.compare import Difference, concerns_role, differences
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.severity import Severity, version
from pgcutover.schema.source_faults import source_warnings, without_faults
from pgcutover.verdict import Finding

RUN_WIDE = "*"
# properties of columns and indexes that one question is about, for tables of every kind
OF_DEFAULTS = (
    "default", "options", "foreign_options", "position", "storage", "compression",
    "statistics_target",
)  # fmt: skip
OF_NOT_NULL = ("not_null_validated", "not_null_inherited")
OF_PLANS = ("clustered", "statistics_targets")


@dataclass(frozen=True, slots=True)
class SchemaEvidence:
    """What was read of both sides, once; `trouble` says why there is no expected schema.

    `source` and `target` hold what no dump carries: roles, settings, encoding, large objects.
    `own_roles` are the gate's, quoted: what each side lets them do is not the application's.
    `compared` are the target's tables, quoted, whose columns, indexes and keys the manifest knows,
    so that checks of one table are about them; None where that is not known.
    """

    source: Snapshot
    target: Snapshot
    expected: Snapshot | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    own_roles: tuple[str, ...] = ()
    compared: tuple[str, ...] | None = None

    def to_json(self) -> str:
        """As text, for workers and as evidence."""
        plain = {
            "source": self.source.to_json(),
            "target": self.target.to_json(),
            "expected": self.expected.to_json() if self.expected else None,
            "moved": dict(self.moved),
            "trouble": self.trouble,
            "own_roles": list(self.own_roles),
            "compared": self.compared,
        }
        return json.dumps(plain, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "SchemaEvidence":
        """What `to_json` wrote."""
        plain: dict[str, Any] = json.loads(text)
        for side in ("source", "target", "expected"):
            plain[side] = Snapshot.from_json(plain[side]) if plain[side] else None
        for names in ("own_roles", "compared"):
            plain[names] = None if plain[names] is None else tuple(plain[names])
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class SchemaStage:
    """One method a question; every answer is a Diff, every doubt an UnreadableError."""

    evidence: SchemaEvidence

    def as_expected(
        self,
        *kinds: str,
        only: Collection[str] = (),
        but: Collection[str] = (),
        told: Mapping[str, Collection[str]] = MappingProxyType({}),
        held_by: Collection[str] = (),
    ) -> Diff:
        """Objects of some kinds against the expected schema.

        `only` names the properties that are asked about, of objects that both have; `but` those
        that another question is about. `told` are properties of other kinds that belong to the
        question, and `held_by` kinds of relations whose columns, indexes and foreign keys do, as
        far as no check of one table is about them.
        """
        found = self._from_expected(kinds, only, but)
        for kind, names in told.items():
            found += self._from_expected((kind,), names)
        return _diff([*found, *self._held_by(held_by)])

    def _held_by(self, holders: Collection[str]) -> list[Difference]:
        if not holders:
            return []
        compared = self.evidence.compared
        asked = set(holders) - ({"table"} if compared is None else set())
        sides = filter(None, (self.evidence.expected, self.evidence.target))
        names = {o.name for side in sides for o in side.objects if o.kind in asked}
        names -= set(compared or ())
        found = self._from_expected(("column",), (), (*OF_DEFAULTS, *OF_NOT_NULL))
        found += self._from_expected(("index", "foreign_key"), (), OF_PLANS)
        return [each for each in found if each.object.table in names]

    def extensions(self) -> Diff:
        """Extensions and what leads to other servers; versions against the source's."""
        kinds = ("extension", "foreign_data_wrapper", "foreign_server", "user_mapping")
        diff = self.as_expected(*kinds, but=("version",))
        source, target = (
            s.of_kind("extension") for s in (self.evidence.source, self.evidence.target)
        )
        older, newer = [], []
        for name in sorted(source.keys() & target.keys()):
            one, other = (str(side[name].facts["version"]) for side in (source, target))
            words = f"extension {name} has version {other} on the target, {one} on the source"
            if version(other) < version(one):
                message = f"{words}: alter extension {name} update"
                older.append(Finding(name, "extension older", message))
            elif one != other:
                newer.append(words)
        warnings = [*diff.facts.get("warnings", ()), *newer]
        facts = {"warnings": warnings} if warnings else {}
        return Diff(RUN_WIDE, (*diff.differences, *older), facts)

    def as_on_the_source(self, *kinds: str, but: Collection[str] = ()) -> Diff:
        """Compare kinds that no dump carries; names are the same on both sides.

        The target is expected to be as a script sets it, else as the source is without its faults.
        """
        return _diff(
            self._from_source(kinds, but), list(source_warnings(self.evidence.source, kinds))
        )

    def everything(self) -> tuple[list[Difference], list[str]]:
        """Every difference there is, and why some kinds could not be compared."""
        found: list[Difference] = []
        troubles: list[str] = []
        for kind in (*KINDS, *CLUSTER_KINDS):
            compare = self._from_source if kind in CLUSTER_KINDS else self._from_expected
            but = ("version",) if kind.name == "extension" else ()
            try:
                found += compare([kind.name], but=but)
            except UnreadableError as error:
                troubles.append(f"{kind.name} was not compared: {error}")
        return found, troubles

    def _from_expected(
        self, kinds: Collection[str], only: Collection[str] = (), but: Collection[str] = ()
    ) -> list[Difference]:
        expected = self.evidence.expected
        if expected is None:
            raise UnreadableError(self.evidence.trouble)
        return self._asked(differences(expected, self.evidence.target, kinds), only, but)

    def _from_source(self, kinds: Collection[str], but: Collection[str] = ()) -> list[Difference]:
        source, made = self.evidence.source, self.evidence.expected
        source = without_faults(source, self.evidence.target)
        scripted = {o.identity: o for o in made.objects if o.kind in kinds} if made else {}
        objects = {o.identity: o for o in source.objects} | self._of_newer_majors() | scripted
        expected = replace(source, objects=tuple(objects.values()))
        return self._asked(differences(expected, self.evidence.target, kinds), (), but)

    def _of_newer_majors(self) -> dict[tuple[str, str], SchemaObject]:
        """What the source's major does not record at all: there it is as on the target, and fresh.

        Only versions of collations are of that kind.
        """
        source_version = self.evidence.source.server_version
        newer = {kind.name for kind in CLUSTER_KINDS if source_version < kind.since}
        return {
            o.identity: replace(o, facts={**o.facts, "stale": False})
            for o in self.evidence.target.objects
            if o.kind in newer
        }

    def _asked(
        self, found: Collection[Difference], only: Collection[str], but: Collection[str]
    ) -> list[Difference]:
        own = self.evidence.own_roles
        asked = [each.about(only, but) for each in found if not concerns_role(each, own)]
        return [each for each in asked if each is not None]


def _diff(found: Collection[Difference], more_warnings: Collection[str] = ()) -> Diff:
    """Return blocking differences as findings, and others as warnings."""
    blocking = tuple(_finding(d) for d in found if d.severity is Severity.BLOCK)
    warnings = [*(str(d) for d in found if d.severity is Severity.WARN), *more_warnings]
    return Diff(RUN_WIDE, blocking, {"warnings": warnings} if warnings else {})


def _finding(difference: Difference) -> Finding:
    thing = difference.object
    evidence = {
        "kind": thing.kind,
        "expected": difference.expected.definition if difference.expected else "",
        "found": difference.found.definition if difference.found else "",
        "properties": [p.name for p in difference.properties],
    }
    words = {"missing": "missing", "extra": "unexplained", "changed": "differs"}
    name = f"{thing.kind.replace('_', ' ')} {words[difference.change]}"
    return Finding(thing.name, name, str(difference), evidence)
