"""The lab: many kinds of tables on both sides, renamed by the mapping, and the real checks."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from support.servers import Pair, create_database, drop_database

import pgcutover.checks
from pgcutover.catalog import Manifest, read_manifest
from pgcutover.checking.coverage import RUN_WIDE
from pgcutover.checking.queries import QueryRunner
from pgcutover.checking.registry import STAGES, Check, find_checks
from pgcutover.compare import CompareOptions, Comparer, TableOptions
from pgcutover.config.differences import DeclaredDifference
from pgcutover.connect import open_session
from pgcutover.connect.side_sessions import SideSessions
from pgcutover.diff import Diff
from pgcutover.errors import PgCutoverError
from pgcutover.key_hash.hashing import KeyHashes
from pgcutover.mapping import MappingRules, parse_rules
from pgcutover.readiness.checker import ReadinessChecker
from pgcutover.readiness.decoding import Capture
from pgcutover.readiness.writers import MoverRole
from pgcutover.schema.collect import CollectedSchema, read_schemas, recipe_of
from pgcutover.schema.expected.build import Expected, Recipe, expected_schema
from pgcutover.schema.stage import SchemaStage
from pgcutover.sides import Sides
from pgcutover.verdict import Finding

HERE = Path(__file__).parent
SALT = "salt of the tests"
KEY_HASHES = KeyHashes(b"the key of all runs in the tests")
RECENT = {"core.ledger": "at", "core.customers": "updated_at"}


def rule(
    n: int, kind: str, action: str, schema: str, *more: str, **words: str
) -> dict[str, object]:
    names = ("schema-name", "table-name", "column-name")
    return {
        "rule-type": kind,
        "rule-id": str(n),
        "rule-name": str(n),
        "rule-action": action,
        "object-locator": dict(zip(names, (schema, *more), strict=False)),
        **{word.replace("_", "-"): text for word, text in words.items()},
    }


RULES = [
    rule(1, "selection", "include", "app", "%"),
    rule(2, "selection", "exclude", "outside", "%"),
    rule(3, "transformation", "rename", "app", "[A-Za-np-z]%", rule_target="schema", value="core"),
    rule(4, "transformation", "rename", "app", "order[_]items", rule_target="schema", value="core"),
    rule(5, "transformation", "rename", "app", "orders", rule_target="schema", value="sales"),
    rule(6, "transformation", "rename", "app", "orders", rule_target="table", value="purchases"),
    rule(
        7, "transformation", "rename", "app", "orders", "placed_at",
        rule_target="column", value="ordered_at",
    ),
    rule(
        8, "transformation", "rename", "app", "customers", "nick",
        rule_target="column", value="alias",
    ),
]  # fmt: skip


def rules(documents: list[dict[str, object]] | None = None) -> MappingRules:
    return parse_rules({"rules": documents or RULES}, "rules of the test")


def build_source(dsn: str) -> None:
    run(dsn, (HERE / "zoo.sql").read_text("utf-8"))


def build_target(dsn: str) -> None:
    build_source(dsn)
    run(dsn, (HERE / "moved.sql").read_text("utf-8"))


Build = Callable[[str], None]
"""Fills the database of a DSN."""


def run(dsn: str, *statements: str, autocommit: bool = False) -> None:
    with psycopg.connect(dsn, autocommit=autocommit) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@dataclass
class Lab:
    """Equal databases on both sides; the target, and on request the source, belong to one test."""

    source: str
    target: str
    scratch: str = ""
    declared: tuple[DeclaredDifference, ...] = ()
    options: dict[str, object] = field(default_factory=dict)
    rules: MappingRules = field(default_factory=rules)
    recent: dict[str, str] = field(default_factory=lambda: dict(RECENT))

    def manifest(self) -> Manifest:
        """Read both catalogs; the schema checks' objects are those of the source."""
        with open_session(self.source) as source, open_session(self.target) as target:
            return read_manifest(source, target, self.rules, recent_columns=self.recent)

    def schema(self, manifest: Manifest) -> CollectedSchema:
        """Read the schemas as a run does; build the expected schema on the target's server."""
        taken = read_schemas(self.source, self.target, manifest, self.declared)
        scratch = self.scratch or make_conninfo(self.target, dbname="postgres")
        recipe = recipe_of(self.source, self.target, manifest, None, scratch)
        try:
            return taken.with_expected(_expected(recipe, self.rules), manifest)
        except PgCutoverError as error:
            return replace(taken, evidence=replace(taken.evidence, trouble=str(error)))

    def expected(self) -> Manifest:
        """Return the manifest with the objects of the expected schema, as a run does."""
        manifest = self.manifest()
        return replace(manifest, expected=self.schema(manifest).names)

    @contextmanager
    def comparer(self, manifest: Manifest | None = None, **options: object) -> Iterator[Comparer]:
        wanted = CompareOptions(salt=SALT, key_hashes=KEY_HASHES, **{**self.options, **options})
        comparer = Comparer(self.source, self.target, manifest or self.manifest(), wanted)
        try:
            yield comparer
        finally:
            comparer.close()

    def table(self, name: str) -> object:
        return self.object("table", name)

    def object(self, kind: str, name: str) -> object:
        return next(o for o in self.manifest().kinds()[kind] if str(o) == name)

    def judge(self, *stages: str) -> "Judged":
        """Run every check that needs no mover on every object, or those of some stages."""
        results, manifest = Judged(), self.manifest()
        taken = self.schema(manifest)
        manifest, stage = replace(manifest, expected=taken.names), SchemaStage(taken.evidence)
        questions = [
            (check, kind, value)
            for check in CHECKS
            if not stages or check.stage in stages
            for kind, values in objects_of_check(check, manifest).items()
            for value in values
        ]
        with (
            self.comparer(manifest) as comparer,
            SideSessions(self.source, self.target) as sessions,
        ):
            readiness = ReadinessChecker(
                self.source,
                self.target,
                manifest,
                mover=MoverRole(name="postgres"),
                capture=Sides(Capture(), Capture(1)),
                sessions=sessions,
            )
            engines = {"comparer": comparer, "readiness": readiness, "schema_stage": stage}
            fixtures: dict[str, object] = {
                **{name: _RecordingProxy(engine, results) for name, engine in engines.items()},
                "run_query": QueryRunner(self.source, self.target),
            }
            for check, kind, value in sorted(questions, key=_plugin_order):
                results.ask(check, {**fixtures, kind: value}, str(value))
        return results


_KNOWN: dict[tuple[object, ...], Expected] = {}
_CATALOGS = ("class", "attribute", "constraint", "index", "proc", "type", "trigger", "namespace",
             "attrdef", "publication", "statistic_ext")  # fmt: skip


def _expected(recipe: Recipe, wanted: MappingRules) -> Expected:
    """Return the expected schema; build it once for all tests that share a source."""
    sums = (f"(select count(*) || ' ' || sum(xmin::text::int8) from pg_{c})" for c in _CATALOGS)
    schemas = "select array_agg(nspname::text order by 1) from pg_namespace"
    with psycopg.connect(recipe.source_dsn) as source, psycopg.connect(recipe.target_dsn) as target:
        state = source.execute(f"select {', '.join(sums)}".encode()).fetchone() or ()
        there = target.execute(schemas.encode()).fetchone() or ()
        port = source.info.port
    key = (port, *state, str(there), wanted, recipe.target_major, recipe.target_encoding)
    if key not in _KNOWN:
        _KNOWN[key] = expected_schema(recipe, lambda _: None)
    return _KNOWN[key]


def objects_of_check(check: Check, manifest: Manifest) -> dict[str, tuple[object, ...]]:
    """Return the kind of object that a check takes, with all objects; no kind means run-wide."""
    kinds = manifest.kinds()
    (kind,) = [a for a in check.arguments if a in kinds] or [""]
    return {kind: kinds[kind] if kind else (RUN_WIDE,)}


def _plugin_order(question: tuple[Check, str, object]) -> tuple[int, str]:
    check, _, value = question
    return STAGES.index(check.stage), str(value)


@dataclass
class Judged:
    """The results of all checks: messages of those that do not pass, and their findings."""

    red: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    green: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)

    def ask(self, check: Check, given: dict[str, object], name: str) -> None:
        identity = f"{check.id}[{name}]"
        try:
            FUNCTIONS[check.id](**{argument: given[argument] for argument in check.arguments})
        except AssertionError as error:
            self.red[identity] = str(error)
        except PgCutoverError as error:
            self.unknown[identity] = str(error)
        else:
            self.green.add(identity)

    @property
    def text(self) -> str:
        """All text that the run would write."""
        return "\n".join([*self.red.values(), *self.unknown.values(), *map(repr, self.findings)])


class _RecordingProxy:
    """Proxy of an engine that records its findings, as the plugin's recorder does."""

    def __init__(self, engine: object, results: Judged) -> None:
        self._engine, self._judged = engine, results

    def __getattr__(self, name: str) -> Callable[..., Diff]:
        def call(*arguments: object) -> Diff:
            diff: Diff = getattr(self._engine, name)(*arguments)
            self._judged.findings.extend(diff.findings())
            self._judged.warnings.extend(diff.facts.get("warnings", ()))
            self._judged.declared.extend(diff.facts.get("declared", ()))
            return diff

        return call


def _function(path: Path) -> Callable[..., None]:
    module = importlib.import_module(f"pgcutover.checks.{path.parent.name}.{path.stem}")
    (function,) = [f for name, f in vars(module).items() if name.startswith("test_")]
    return function


_FOLDER = Path(pgcutover.checks.__path__[0])
ENGINES = ("comparer", "readiness", "run_query")
_RUN_WIDE = ("SCHEMA-TABLES", "SCHEMA-DECLARED")
CHECKS = tuple(
    c
    for c in find_checks(_FOLDER)
    if not set(ENGINES).isdisjoint(c.arguments)
    or ("schema_stage" in c.arguments and (len(c.arguments) > 1 or c.id in _RUN_WIDE))
)
FUNCTIONS = {
    next(m for m in function.pytestmark if m.name == "check").args[0]: function
    for path in sorted(_FOLDER.glob("*/test_*.py"))
    if (function := _function(path))
}


@contextmanager
def laboratory(
    pair: Pair,
    *,
    own_source: bool = False,
    build: tuple[Build, Build] = (build_source, build_target),
) -> Iterator[Lab]:
    """Yield a lab whose target is copied for the test; the source is shared unless `own_source`."""
    source, template = (
        pair.template(side, f"zoo of {function.__module__}", function)
        for side, function in zip(("source", "target"), build, strict=True)
    )
    target = create_database(pair.target, template=template)
    own = create_database(pair.source, template=source) if own_source else None
    try:
        yield Lab(pair.source.dsn(own or source), pair.target.dsn(target))
    finally:
        drop_database(pair.target, target)
        if own:
            drop_database(pair.source, own)


__all__ = ["SALT", "Judged", "Lab", "TableOptions", "laboratory", "rule", "rules", "run"]
