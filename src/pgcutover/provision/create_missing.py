"""Runs a dump on a database that holds some of its objects: creates the others, and no more.

An object exists where the server refuses to create it for that reason. Later statements that alter
it (owner, grants, defaults, comments) are left out, so an existing object stays as it is.
Constraints, indexes, triggers and the like are objects of their own: those that an existing table
lacks are created.
"""

import re
from dataclasses import dataclass, field

import psycopg

from pgcutover.connect import Connection
from pgcutover.errors import ProvisionError
from pgcutover.provision.execute import run_statement
from pgcutover.provision.sql_splitter import Statement, split_statements

# duplicate_table, duplicate_object, duplicate_function, duplicate_schema, duplicate_column
_EXISTS = ("42P07", "42710", "42723", "42P06", "42701")
_PART = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_RELATION = (
    rf"(?:TABLE ONLY|TABLE|VIEW|MATERIALIZED VIEW|FOREIGN TABLE|SEQUENCE) ({_PART}\.{_PART})"
)
_CREATED = re.compile(
    r"CREATE (?P<replaces>OR REPLACE )?(?:UNLOGGED )?"
    rf"(?:{_RELATION}\b|(?P<other>.+))",
    re.DOTALL,
)
_ALTERED = re.compile(
    r"(?:ALTER|COMMENT ON|(?:GRANT|REVOKE) .+? ON) "
    rf"(?:{_RELATION}(?!\w)|COLUMN ({_PART}\.{_PART})\.|(?P<other>[A-Z ]+ .+))",
    re.DOTALL,
)
_OTHER_END = re.compile(
    r"\s+(?:OWNER TO|IS|TO|FROM|SET SCHEMA|ADD|ALTER MAPPING|DISABLE|ENABLE) .*", re.DOTALL
)
_OWN_OBJECT = re.compile(r"ALTER TABLE (?:ONLY )?\S+\s+(?:ADD CONSTRAINT|ATTACH PARTITION) ")


@dataclass(slots=True)
class _Existing:
    """Objects that were not created: relations by name, others by what follows CREATE."""

    relations: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)

    def add(self, statement: Statement) -> None:
        created = _CREATED.match(statement.text)
        if created is None:
            return
        if created[2]:
            self.relations.add(created[2])
        else:
            self.others.append(created["other"])

    def holds(self, statement: Statement) -> bool:
        """Return whether a statement alters an object that was not created."""
        created = _CREATED.match(statement.text)
        if created is not None:
            return bool(created["replaces"]) and created[2] in self.relations
        altered = _ALTERED.match(statement.text)
        if altered is None or _OWN_OBJECT.match(statement.text):
            return False
        if name := altered[1] or altered[2]:
            return name in self.relations
        subject = _OTHER_END.sub("", altered["other"])
        return any(other.startswith(subject) for other in self.others)


def create_missing(conn: Connection, text: str, name: str) -> int:
    """Run a dump's statements in the caller's transaction; return how many objects existed.

    ProvisionError where a statement fails for another reason.
    """
    existing, count = _Existing(), 0
    for statement in split_statements(text, name):
        if existing.holds(statement):
            continue
        if not _create(conn, statement, name):
            existing.add(statement)
            count += 1
    return count


def _create(conn: Connection, statement: Statement, name: str) -> bool:
    """Run a statement; return False where its object exists."""
    try:
        with conn.transaction():  # a savepoint, so that a refused statement ends nothing else
            run_statement(conn, statement, name)
    except ProvisionError as error:
        if not _says_it_exists(error.__cause__, statement):
            raise
        return False
    return True


def _says_it_exists(cause: BaseException | None, statement: Statement) -> bool:
    if not isinstance(cause, psycopg.Error):
        return False
    match cause.sqlstate:
        case "42P16":  # invalid_table_definition
            return " PRIMARY KEY " in statement.text
        case "42809":  # wrong_object_type
            return " ATTACH PARTITION " in statement.text
        case "23505":  # unique_violation of the catalog's own index
            return statement.text.startswith("CREATE TEXT SEARCH ")
        case state:
            return state in _EXISTS
