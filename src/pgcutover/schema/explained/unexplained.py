"""Differences of the target's schema, without those that have an explanation.

Explained are the rights of the gate's own roles, what the mapping leaves on the source, and what
movers keep there.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cached_property

from pgcutover.errors import UnreadableError
from pgcutover.schema.compare import MISSING, Comparison, Difference, Objects, concerns_role
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.explained.left_behind import LeftBehind
from pgcutover.schema.explained.source_faults import without_faults
from pgcutover.schema.kinds import CLUSTER_KINDS
from pgcutover.schema.objects import SchemaObject
from pgcutover.schema.quoted_names import plain_name
from pgcutover.schema.severity import Severity

OF_CLUSTER = frozenset(kind.name for kind in CLUSTER_KINDS)


class UnexplainedDifferences:
    """Differences by kind and table, computed once; UnreadableError without an expected schema."""

    def __init__(self, evidence: SchemaEvidence) -> None:
        """Keep the evidence; schemas are compared when first needed."""
        self.evidence = evidence
        self.compared = frozenset(evidence.compared)
        self._left_behind = LeftBehind.of(evidence)
        self._of_kind: dict[str, list[Difference]] = {}
        self._of_table: dict[str, dict[str, list[Difference]]] = {}

    def of(self, kind: str) -> list[Difference]:
        """Return the differences of a kind."""
        if kind not in self._of_kind:
            self._of_kind[kind] = [
                self._warning_of(each)
                for each in self._comparison(kind).of(kind)
                if not (
                    concerns_role(each, self.evidence.own_roles) or self._left_behind.covers(each)
                )
            ]
        return self._of_kind[kind]

    def of_table(self, kind: str, table: str) -> list[Difference]:
        """Return the differences of a kind in what one table holds; its name is quoted."""
        if kind not in self._of_table:
            found: dict[str, list[Difference]] = {}
            for each in self.of(kind):
                found.setdefault(each.object.table, []).append(each)
            self._of_table[kind] = found
        return self._of_table[kind].get(table, [])

    def about(
        self, kinds: Collection[str], only: Collection[str] = (), without: Collection[str] = ()
    ) -> list[Difference]:
        """Return the differences of some kinds, in only some properties or in all but some."""
        found = (each.about(only, without) for kind in kinds for each in self.of(kind))
        return [each for each in found if each is not None]

    def objects(self, kind: str) -> tuple[Objects, Objects]:
        """Return the expected and the found objects of a kind, by quoted name."""
        return self._comparison(kind).objects_of(kind)

    def named(self, kind: str, name: str) -> tuple[SchemaObject | None, SchemaObject | None]:
        """Return an expected and a found index or foreign key by its name in reports."""
        expected, found = (side.get(name) for side in self._by_plain_name[kind])
        return expected, found

    def lock_causes(self, kinds: Iterable[str], table: str = "") -> tuple[str, ...]:
        """Return why relations were left out of some kinds, or why one mapped table was."""
        quoted = self._quoted_tables.get(table, table)
        found = [pair for kind in kinds for pair in self._comparison(kind).locked(kind).items()]
        return tuple(dict.fromkeys(cause for name, cause in found if not table or name == quoted))

    def locked_tables(self, kind: str) -> Collection[str]:
        """Return the relations, quoted, that were left out of a kind."""
        return self._comparison(kind).locked(kind).keys()

    def refuse_locked(self, kinds: Iterable[str], table: str = "") -> None:
        """Raise UnreadableError where relations, or one mapped table, were left out of kinds."""
        if causes := self.lock_causes(kinds, table):
            raise UnreadableError(causes[0])

    def table_name(self, name: str) -> str:
        """Return a mapped table's quoted name; UnreadableError where none is expected."""
        quoted = self._quoted_tables.get(name, name)
        kinds = ("table", "partition", "foreign_table")
        is_known = any(quoted in self.objects(kind)[0] for kind in kinds)
        if not (is_known or any(quoted in self.locked_tables(kind) for kind in kinds)):
            raise UnreadableError(
                f"{name}: the mapping rules move a table there, and the expected schema has none: "
                "a script drops or renames it; correct the script or the rules"
            )
        return quoted

    @cached_property
    def _against_expected(self) -> Comparison:
        if self.evidence.expected is None:
            raise UnreadableError(self.evidence.trouble)
        return Comparison(self.evidence.expected, self.evidence.target)

    @cached_property
    def _against_source(self) -> Comparison:
        """Compare what no dump carries with the source and with what scripts set."""
        source, made = self.evidence.source, self.evidence.expected
        source = without_faults(source, self.evidence.target)
        scripted = {o.identity: o for o in made.objects if o.kind in OF_CLUSTER} if made else {}
        objects = {o.identity: o for o in source.objects} | self._of_newer_majors() | scripted
        expected = replace(source, objects=tuple(objects.values()))
        return Comparison(expected, self.evidence.target)

    def _of_newer_majors(self) -> dict[tuple[str, str], SchemaObject]:
        """Return the target's objects of kinds that the source's major does not record, as fresh.

        Only versions of collations are of such a kind.
        """
        version = self.evidence.source.server_version
        newer = {kind.name for kind in CLUSTER_KINDS if version < kind.since}
        return {
            o.identity: replace(o, facts={**o.facts, "stale": False})
            for o in self.evidence.target.objects
            if o.kind in newer
        }

    def _comparison(self, kind: str) -> Comparison:
        return self._against_source if kind in OF_CLUSTER else self._against_expected

    @cached_property
    def _quoted_tables(self) -> dict[str, str]:
        return {plain_name(name): name for name in self.evidence.compared}

    @cached_property
    def _by_plain_name(self) -> dict[str, tuple[Objects, Objects]]:
        return {kind: self._plain(kind) for kind in ("index", "foreign_key")}

    def _plain(self, kind: str) -> tuple[Objects, Objects]:
        one, other = self.objects(kind)
        return (
            {plain_name(name): o for name, o in one.items()},
            {plain_name(name): o for name, o in other.items()},
        )

    def _warning_of(self, difference: Difference) -> Difference:
        """Return a warning for what need not be on the target; else the difference itself."""
        thing = difference.object
        is_lost_index = thing.kind == "index" and difference.change == MISSING
        if is_lost_index and thing.name in self.evidence.invalid:
            note = "it is INVALID on the source; reindex or drop it there"
            return replace(difference, severity=Severity.WARN, note=note)
        return self._left_behind.of_mover(difference)
