"""The NOT NULL that a table adds to what it inherits, as every supported target reads it.

pg_dump 18 lists it among the columns (`CREATE TABLE heir (NOT NULL id) INHERITS (parent)`), which
PostgreSQL reads since 18; before, and still, ALTER TABLE says the same.
"""

import re
from collections.abc import Iterator

from pgcutover.provision.sql_splitter import TOKEN

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CREATED = re.compile(rf"CREATE (?:UNLOGGED |FOREIGN )?TABLE ({_NAME}\.{_NAME}) \(")
_OWN = re.compile(rf"NOT NULL ({_NAME})")


def for_every_major(statement: str) -> list[str]:
    """The statement, without such lines and followed by what says the same."""
    created = _CREATED.match(statement)
    if created is None or "NOT NULL " not in statement:
        return [statement]
    items = list(_items(statement))
    own = [(item, found[1]) for item in items if (found := _OWN.fullmatch(statement[item]))]
    if not own:
        return [statement]
    gone = {item.start for item, _ in own}
    kept = ",".join(f"\n    {statement[item]}" for item in items if item.start not in gone)
    head, tail = statement[: created.end()], statement[items[-1].stop :].lstrip()
    alter = f"ALTER TABLE ONLY {created[1]} ALTER COLUMN"
    return [f"{head}{kept}\n{tail}", *(f"{alter} {name} SET NOT NULL" for _, name in own)]


def _items(statement: str) -> Iterator[slice]:
    """What stands between the commas of the first parenthesis."""
    depth = begin = at = 0
    while token := TOKEN.match(statement, at):
        text, at = token[0], token.end()
        if token.lastgroup == "dollar":
            at = statement.index(text, at) + len(text)
        if (text in ",)" and depth == 1) or (text == "(" and not depth):
            if depth:
                yield _stripped(statement, begin, token.start())
            begin = at
        depth += (text == "(") - (text == ")")
        if text == ")" and not depth:
            return


def _stripped(text: str, begin: int, end: int) -> slice:
    part = text[begin:end]
    begin += len(part) - len(part.lstrip())
    return slice(begin, begin + len(part.strip()))
