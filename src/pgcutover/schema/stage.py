"""Compares the target's schema with the expected schema and with the source."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType

from pgcutover.catalog import ExpectedForeignKey, ExpectedIndex, ExpectedNames
from pgcutover.config.differences import DeclaredDifference
from pgcutover.diff import Diff, finding
from pgcutover.errors import UnreadableError
from pgcutover.mapping import MappedTable
from pgcutover.schema.compare import (
    CHANGED,
    EXTRA,
    MISSING,
    Difference,
    alone,
    out_of_force,
)
from pgcutover.schema.diff_text import make_finding
from pgcutover.schema.evidence import SchemaEvidence
from pgcutover.schema.explained.declared import (
    Split,
    describe_declaration,
    is_declared,
    is_of_its_own,
    split,
    unfit_declarations,
)
from pgcutover.schema.explained.left_behind import tool_of_schema
from pgcutover.schema.explained.moved_extensions import MovedExtension, find_moved_extensions
from pgcutover.schema.explained.source_faults import source_warnings
from pgcutover.schema.explained.unexplained import UnexplainedDifferences
from pgcutover.schema.kinds import CLUSTER_KINDS, KINDS
from pgcutover.schema.objects import SchemaObject, Snapshot
from pgcutover.schema.quoted_names import plain_name, split_name
from pgcutover.schema.severity import Severity, version
from pgcutover.verdict import Finding

RUN_WIDE = "*"
# properties that other checks compare, for all kinds of tables
OF_DEFAULTS = (
    "default", "options", "foreign_options", "position", "storage", "compression",
    "statistics_target",
)  # fmt: skip
OF_NOT_NULL = ("not_null_validated", "not_null_inherited")
OF_PLANS = ("clustered", "statistics_targets")
OF_COLUMNS = ("persistence", "inherits")
_CONSTRAINTS = ("primary_key", "unique", "exclusion")
_HELD = ("column", "index", "foreign_key")


class SchemaStage:
    """One method for each comparison of a check; returns a Diff or raises UnreadableError."""

    def __init__(self, evidence: SchemaEvidence) -> None:
        """Keep the evidence; schemas are compared when a check needs the result."""
        self.evidence = evidence
        self._known = UnexplainedDifferences(evidence)

    def as_expected(
        self,
        *kinds: str,
        only: Collection[str] = (),
        without: Collection[str] = (),
        also: Mapping[str, Collection[str]] = MappingProxyType({}),
        held_by: Collection[str] = (),
    ) -> Diff:
        """Compare objects of some kinds with the expected schema.

        `only` names the properties to compare of objects that both have; `without` those of
        other checks. `also` adds properties of other kinds, and `held_by` the columns, indexes and
        foreign keys of some kinds of relations, unless checks of one table compare them.
        """
        found = self._known.about(kinds, only, without)
        for kind, names in also.items():
            found += self._known.about((kind,), names)
        causes = self._known.lock_causes((*kinds, *also, *(_HELD if held_by else ())))
        return self._diff(RUN_WIDE, [*found, *self._held_by(held_by)], causes=causes)

    def as_on_the_source(self, *kinds: str, without: Collection[str] = ()) -> Diff:
        """Compare the kinds that pg_dump omits with the source and with the scripts.

        A fault of the source is a warning, and the target is expected to be free of it.
        """
        found = self._known.about(kinds, (), without)
        return self._diff(RUN_WIDE, found, list(source_warnings(self.evidence.source, kinds)))

    def tables(self) -> Diff:
        """Find tables that no mapping rule decides, and unexpected tables of the target."""
        wrong, warnings, declared = [], [], []
        for name in self.evidence.undecided:
            message = f"table {name} of the source is neither included nor excluded by any rule"
            if each := self._dropped_schema(name):
                declared.append(f"{message}, nor need it be (declared: {each.reason})")
            elif tool := tool_of_schema(name.split(".")[0]):
                warnings.append(f"{message}; it belongs to {tool}")
            else:
                message += "; add a selection rule for it to the table mappings"
                wrong.append(finding(name, "table undecided", message))
        found = [
            d
            for d in self._known.of("table")
            if d.change == EXTRA
            or (d.change == MISSING and d.object.name not in self._known.compared)
        ]
        causes = () if wrong else self._known.lock_causes(("table",))
        diff = self._diff(RUN_WIDE, found, warnings, causes)
        left = sorted(map(plain_name, self.evidence.left_behind))
        facts = {**diff.facts, **({"excluded_tables": left} if left else {})}
        facts |= {"declared": [*facts.get("declared", ()), *declared]} if declared else {}
        return Diff(RUN_WIDE, (*wrong, *diff.differences), facts)

    def _dropped_schema(self, table: str) -> DeclaredDifference | None:
        """Return the declaration that drops the schema of a table of the source."""
        dropped = [d for d in self.evidence.declared if (d.kind, d.change) == ("schema", "dropped")]
        if not dropped:
            return None
        tables = self._known.objects("table")[0].values()
        found = next((each for each in tables if plain_name(each.name) == table), None)
        return next((d for d in dropped if found and is_declared(d, found)), None)

    def table_properties(self) -> Diff:
        """Compare properties of mapped and other tables, except their columns."""
        found = [
            kept
            for d in self._known.of("table")
            if d.change == CHANGED
            and (kept := d.about((), OF_COLUMNS if d.object.name in self._known.compared else ()))
        ]
        found += self._known.about(("foreign_table", "storage", "statistics"))
        found += self._known.about(("index",), OF_PLANS)
        found += self._held_by(("foreign_table", "table"))
        causes = self._known.lock_causes(
            ("table", "foreign_table", "storage", "statistics", *_HELD)
        )
        return self._diff(RUN_WIDE, found, causes=causes)

    def columns(self, table: MappedTable) -> Diff:
        """Compare a mapped table's columns, persistence and parents."""
        self._known.refuse_locked(("table", "column"), str(table))
        name = self._known.table_name(str(table))
        found = [d for d in self._known.of("table") if d.object.name == name]
        found = [k for d in found if (k := d if d.change == MISSING else d.about(OF_COLUMNS, ()))]
        found += _without(self._known.of_table("column", name), (*OF_DEFAULTS, *OF_NOT_NULL))
        return self._diff(str(table), found, columns=len(table.columns))

    def index(self, index: ExpectedIndex) -> Diff:
        """Compare an expected or declared index, and the constraint that it serves."""
        expected, found = self._known.named("index", str(index))
        if expected is None or found is None:
            self._known.refuse_locked(("index",))
        name = (expected or found or _NOTHING).name
        if found is None and name in self.evidence.invalid:
            return Diff(str(index), (), {"warnings": [_invalid_on_the_source(name)]})
        differing = self._one("index", expected, found)
        if expected is not None and found is not None:
            differing = _without(differing, OF_PLANS)
            constraint = f"{expected.table}.{split_name(name)[-1]}"
            for kind in _CONSTRAINTS:
                differing += [d for d in self._known.of(kind) if d.object.name == constraint]
        warnings = [_invalid_on_the_source(name)] if name in self.evidence.invalid else []
        return self._diff(str(index), differing, warnings)

    def extra_indexes(self, table: MappedTable) -> Diff:
        """Find indexes of a mapped table that neither the source nor a script creates."""
        return self._extra("index", table)

    def foreign_key(self, key: ExpectedForeignKey) -> Diff:
        """Compare an expected or declared foreign key."""
        sides = self._known.named("foreign_key", str(key))
        if None in sides:
            self._known.refuse_locked(("foreign_key",))
        return self._diff(str(key), self._one("foreign_key", *sides))

    def extra_foreign_keys(self, table: MappedTable) -> Diff:
        """Find foreign keys of a mapped table that neither the source nor a script creates."""
        return self._extra("foreign_key", table)

    def extensions(self) -> Diff:
        """Compare extensions and foreign servers; versions of extensions with the source's."""
        kinds = ("extension", "foreign_data_wrapper", "foreign_server", "user_mapping")
        diff = self.as_expected(*kinds, without=("version",))
        older, newer = [], []
        for name, one, other in self._versions():
            words = f"extension {name} has version {other} on the target, {one} on the source"
            if version(other) < version(one):
                message = f"{words}: alter extension {name} update"
                older.append(Finding(name, "extension older", message))
            elif one != other:
                newer.append(words)
        warnings = [*diff.facts.get("warnings", ()), *newer]
        facts = {**diff.facts, **({"warnings": warnings} if warnings else {})}
        return Diff(RUN_WIDE, (*diff.differences, *older), facts)

    def declarations(self) -> Diff:
        """Find declared differences that are repeated, contradictory or not needed."""
        declared = self.evidence.declared
        used: set[DeclaredDifference] = set()
        for kind in (*KINDS, *CLUSTER_KINDS) if declared else ():
            for each in self._known.of(kind.name):
                used.update(d for d in self._split(each).used if is_of_its_own(d, each))
        kinds: set[str] = {each.kind for each in declared}
        objects = {kind: self._known.objects(kind) for kind in kinds}
        wrong = tuple(unfit_declarations(declared, used, objects))
        facts = (
            {"declared": [f"{describe_declaration(each)}: {each.reason}" for each in declared]}
            if declared
            else {}
        )
        if wrong:  # a declaration about a locked table looks as if it were not needed
            self._known.refuse_locked([kind.name for kind in KINDS])
        return Diff(RUN_WIDE, wrong, facts)

    def expected_names(self, tables: Collection[MappedTable]) -> ExpectedNames | None:
        """Return expected and declared names; None if there is no expected schema."""
        if self.evidence.expected is None:
            return None
        return ExpectedNames(
            tuple(self._names_of("index")),
            tuple(self._names_of("foreign_key")),
            tuple(self._dropped_columns(tables)),
        )

    def _names_of(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield expected and declared objects of a kind, each with its table, not quoted."""
        expected = self._known.objects(kind)[0].values()
        added = (d for d in self._known.of(kind) if d.change == EXTRA)
        declared = [d.object for d in added if self._split(d).used]
        names = {each.name: each.table for each in (*expected, *declared, *self._locked(kind))}
        for name, table in names.items():
            if table in self._known.compared:
                yield plain_name(name), plain_name(table)

    def _locked(self, kind: str) -> Iterator[SchemaObject]:
        """Yield the objects of locked relations: their checks are expected, and undecided."""
        locked = self._known.locked_tables(kind)
        for side in (self.evidence.expected, self.evidence.target):
            if side is not None:
                yield from (o for o in side.objects if o.kind == kind and o.table in locked)

    def _dropped_columns(self, tables: Collection[MappedTable]) -> Iterator[str]:
        known = {plain_name(name) for name in self._known.objects("column")[0]}
        lost = (d for d in self._known.of("column") if d.change == MISSING)
        known -= {plain_name(d.object.name) for d in lost if self._split(d).used}
        held = {plain_name(name) for name in self._known.objects("table")[0]}
        for table in tables:
            if str(table) in held:
                yield from (n for _, c in table.columns if (n := f"{table}.{c}") not in known)

    def everything(self) -> tuple[list[Difference], list[str]]:
        """Return all undeclared differences, and the reasons why some kinds were not compared."""
        found: list[Difference] = []
        troubles: list[str] = []
        for kind in (*KINDS, *CLUSTER_KINDS):
            without = ("version",) if kind.name == "extension" else ()
            try:
                differing = self._known.about([kind.name], (), without)
            except UnreadableError as error:
                troubles.append(f"{kind.name} was not compared: {error}")
                continue
            found += filter(None, (self._split(each).left for each in differing))
        sides = (side for side in (self.evidence.expected, self.evidence.target) if side)
        causes = dict.fromkeys(cause for side in sides for cause in side.lock_causes())
        return found, [*troubles, *(f"not compared everywhere: {cause}" for cause in causes)]

    def _held_by(self, holders: Collection[str]) -> list[Difference]:
        if not holders:
            return []
        known = self._known
        names = {n for kind in holders for side in known.objects(kind) for n in side}
        names -= known.compared
        found = known.about(("column",), (), (*OF_DEFAULTS, *OF_NOT_NULL))
        found += known.about(("index", "foreign_key"), (), OF_PLANS)
        return [each for each in found if each.object.table in names]

    def _one(
        self, kind: str, expected: SchemaObject | None, found: SchemaObject | None
    ) -> list[Difference]:
        """Return the difference of one object, also if its whole table is missing."""
        if expected is not None and found is None:
            lost = alone(MISSING, expected, Severity.BLOCK)
            return [replace(lost, note=self._called_otherwise(expected))]
        if found is not None and expected is None:
            return [alone(EXTRA, found, Severity.BLOCK)]
        if expected is None or found is None:
            return []
        differing = [d for d in self._known.of_table(kind, expected.table) if d.object is expected]
        off = out_of_force(found)
        told = {p.name for d in differing for p in d.properties}
        if both := tuple(p for p in off if p.name not in told and p.name == "usable"):
            differing.append(Difference(CHANGED, Severity.BLOCK, expected, found, both))
        return differing

    def _called_otherwise(self, lost: SchemaObject) -> str:
        """Return a note that names the same object under another name, if there is one."""
        same = [
            split_name(d.object.name)[-1]
            for d in self._known.of_table(lost.kind, lost.table)
            if d.change == EXTRA and _definition(d.object) == _definition(lost)
        ]
        if not same:
            return ""
        return (
            f"it is called {', '.join(same)} there: rename it, because ON CONFLICT and error "
            "handling may name it"
        )

    def _extra(self, kind: str, table: MappedTable) -> Diff:
        self._known.refuse_locked((kind,), str(table))
        name = self._known.table_name(str(table))
        extra = [d for d in self._known.of_table(kind, name) if d.change == EXTRA]
        return self._diff(str(table), extra)

    def _versions(self) -> Iterator[tuple[str, str, str]]:
        """Yield extensions that both sides have, with the source's version and the target's."""
        sides = (self.evidence.source, self.evidence.target)
        source, target = (_versions_of(side) for side in sides)
        for name in sorted(source.keys() & target.keys()):
            yield name, source[name], target[name]

    def _split(self, difference: Difference) -> Split:
        return split(difference, self.evidence.declared, self._moved_extensions)

    @cached_property
    def _moved_extensions(self) -> list[MovedExtension]:
        if not any(each.kind == "extension" for each in self.evidence.declared):
            return []
        sides = self._known.objects("extension")
        return find_moved_extensions(self.evidence.declared, *sides)

    def _diff(
        self,
        name: str,
        found: Collection[Difference],
        warnings: Collection[str] = (),
        causes: Sequence[str] = (),
        **facts: object,
    ) -> Diff:
        """Return blocking differences as findings, and others and declared ones as facts.

        UnreadableError where there are none, and causes why not everything was compared.
        """
        left: list[Difference] = []
        declared: list[str] = []
        for each in found:
            parts = self._split(each)
            left += [parts.left] if parts.left else []
            declared += parts.declared
        blocking = tuple(make_finding(d) for d in left if d.severity is Severity.BLOCK)
        if causes and not blocking:
            raise UnreadableError(causes[0])  # one, so that results with one cause say the same
        told = [*warnings, *(str(d) for d in left if d.severity is Severity.WARN)]
        facts |= {"warnings": told} if told else {}
        facts |= {"declared": declared} if declared else {}
        return Diff(name, blocking, facts)


_NOTHING = SchemaObject("", "", "", "")


def _without(found: Collection[Difference], names: Collection[str]) -> list[Difference]:
    kept = (each.about((), names) for each in found)
    return [each for each in kept if each is not None]


def _definition(thing: SchemaObject) -> str:
    """Return an index's or a foreign key's definition without its name."""
    name = split_name(thing.name)[-1]
    return str(thing.facts.get("definition")).replace(f" {name} ON ", " ON ", 1)


def _invalid_on_the_source(name: str) -> str:
    return (
        f"index {name} is INVALID on the source, so that it serves no query there and no dump "
        "carries it; reindex or drop it there"
    )


def _versions_of(snapshot: Snapshot) -> dict[str, str]:
    found = snapshot.of_kind("extension")
    return {name: str(extension.facts["version"]) for name, extension in found.items()}
