"""Rewrites pg_dump 18's NOT NULL on inherited columns for targets before 18.

pg_dump 18 lists it among the columns (`CREATE TABLE child (NOT NULL id) INHERITS (parent)`), which
only PostgreSQL 18 reads. ALTER TABLE ... SET NOT NULL means the same on every major.
"""

import re
from collections.abc import Iterator

from pgcutover.text.sql_tokens import TOKEN

_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CREATED = re.compile(rf"CREATE (?:UNLOGGED |FOREIGN )?TABLE ({_NAME}\.{_NAME}) \(")
_OWN = re.compile(rf"NOT NULL ({_NAME})")


def rewrite_inherited_not_null(statement: str) -> list[str]:
    """Return the statement without such lines, followed by ALTER TABLE statements."""
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
    """Yield the items of the first parenthesis."""
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
