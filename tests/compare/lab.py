"""The laboratory: a zoo of tables on both sides, moved and renamed, and the real checks over it."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from support.servers import Pair, create_database, drop_database

import pgcutover.checks
from pgcutover.catalog import DeclaredDifference, Manifest, read_manifest
from pgcutover.compare import CompareOptions, Comparer, TableOptions
from pgcutover.connect import open_session
from pgcutover.errors import PgCutoverError
from pgcutover.mapping import MappingRules, parse_rules
from pgcutover.registry import Check, find_checks

HERE = Path(__file__).parent
SALT = "salt of the tests"
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
    rule(3, "transformation", "rename", "app", "[!o]%", rule_target="schema", value="core"),
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


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@dataclass
class Lab:
    """Equal databases on both sides, the target (and on request the source) the test's own."""

    source: str
    target: str
    declared: tuple[DeclaredDifference, ...] = ()
    options: dict[str, object] = field(default_factory=dict)
    rules: MappingRules = field(default_factory=rules)
    recent: dict[str, str] = field(default_factory=lambda: dict(RECENT))

    def manifest(self) -> Manifest:
        with open_session(self.source) as source, open_session(self.target) as target:
            return read_manifest(
                source, target, self.rules, declared=self.declared, recent_columns=self.recent
            )

    @contextmanager
    def comparer(self, **options: object) -> Iterator[Comparer]:
        wanted = CompareOptions(salt=SALT, **{**self.options, **options})
        comparer = Comparer(self.source, self.target, self.manifest(), wanted)
        try:
            yield comparer
        finally:
            comparer.close()

    def table(self, name: str) -> object:
        return self.object("table", name)

    def object(self, kind: str, name: str) -> object:
        return next(o for o in self.manifest().kinds()[kind] if str(o) == name)

    def judge(self) -> "Judged":
        """Every check of the gate that needs no mover, over every object, as the plugin does."""
        judged = Judged()
        objects = self.manifest().kinds()
        with self.comparer() as comparer:
            for check in CHECKS:
                judged.ask(check, objects, comparer)
        return judged


@dataclass
class Judged:
    """What every check said: its message, where it is not green."""

    red: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    green: set[str] = field(default_factory=set)

    def ask(self, check: Check, objects: dict[str, tuple[object, ...]], comparer: Comparer) -> None:
        (kind,) = [a for a in check.arguments if a != "comparer"] or ["*"]
        for value in objects.get(kind, ("*",)):
            arguments = {kind: value} if kind != "*" else {}
            self._answer(
                f"{check.id}[{value}]", lambda: FUNCTIONS[check.id](**arguments, comparer=comparer)
            )

    def _answer(self, identity: str, ask: Callable[[], None]) -> None:
        try:
            ask()
        except AssertionError as error:
            self.red[identity] = str(error)
        except PgCutoverError as error:
            self.unknown[identity] = str(error)
        else:
            self.green.add(identity)

    @property
    def text(self) -> str:
        return "\n".join([*self.red.values(), *self.unknown.values()])


def _function(path: Path) -> Callable[..., None]:
    module = importlib.import_module(f"pgcutover.checks.{path.parent.name}.{path.stem}")
    (function,) = [f for name, f in vars(module).items() if name.startswith("test_")]
    return function


_FOLDER = Path(pgcutover.checks.__path__[0])
CHECKS = tuple(
    c for c in find_checks(_FOLDER)
    if "comparer" in c.arguments and "expectation" not in " ".join(c.arguments)
)  # fmt: skip
FUNCTIONS = {
    next(m for m in function.pytestmark if m.name == "check").args[0]: function
    for path in sorted(_FOLDER.glob("*/test_*.py"))
    if (function := _function(path))
}


@contextmanager
def laboratory(pair: Pair, *, own_source: bool = False) -> Iterator[Lab]:
    """A lab whose target is copied for the test; the source is shared unless asked for."""
    source = pair.template("source", "zoo", build_source)
    target = create_database(pair.target, template=pair.template("target", "zoo", build_target))
    own = create_database(pair.source, template=source) if own_source else None
    try:
        yield Lab(pair.source.dsn(own or source), pair.target.dsn(target))
    finally:
        drop_database(pair.target, target)
        if own:
            drop_database(pair.source, own)


__all__ = ["SALT", "Judged", "Lab", "TableOptions", "laboratory", "rule", "rules", "run"]
