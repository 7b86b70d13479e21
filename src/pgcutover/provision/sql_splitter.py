"""Splits SQL text into statements, each with the line it starts on.

If a whole script is sent at once, the server gives a position for syntax errors only. With one
statement at a time, every error has a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgcutover.errors import ProvisionError
from pgcutover.text.sql_tokens import TOKEN

_NESTED_COMMENT = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon, and the line of its first word."""

    text: str
    line: int

    def line_of(self, position: int | None) -> int:
        """Return the line of a 1-based character position within the statement."""
        return self.line + self.text.count("\n", 0, max(0, (position or 1) - 1))

    @property
    def words(self) -> tuple[str, ...]:
        """Return its first three words in lower case, which show its kind."""
        return tuple(re.findall(r"[a-z_]+", self.text[:200].lower())[:3])


def split_statements(sql: str, name: str) -> list[Statement]:
    """Return the statements of a script; ProvisionError if a quote or comment is unterminated."""
    return list(_Splitter(sql, name).run())


class _Splitter:
    """Tracks quotes, comments, parentheses and the bodies of SQL functions."""

    def __init__(self, sql: str, name: str) -> None:
        self.sql, self.name = sql, name
        self.at = 0
        self.counted_to, self.counted_lines = 0, 0
        self.reset()

    def reset(self) -> None:
        """Prepare for the next statement."""
        self.start: int | None = None
        self.parentheses = self.body_depth = 0
        self.words: list[str] = []

    def run(self) -> Iterator[Statement]:
        """Yield each statement; the last one may lack its semicolon."""
        while self.at < len(self.sql):
            if statement := self.step():
                yield statement
        if self.start is not None:
            yield self.finish_statement(len(self.sql))

    def step(self) -> Statement | None:
        """Consume one token; return the statement if the token ends it."""
        token = TOKEN.match(self.sql, self.at)
        assert token is not None  # noqa: S101 - the last alternative takes any character
        kind, begin, self.at = token.lastgroup, self.at, token.end()
        if kind == "comment":
            self.at = self.find_comment_end()
        elif kind != "skip":
            return self.add_token(kind, token[0], begin)
        return None

    def add_token(self, kind: str | None, text: str, begin: int) -> Statement | None:
        """Consume a token of a statement; return the statement if the token ends it."""
        if text == ";" and not self.parentheses and not self.body_depth:
            done = None if self.start is None else self.finish_statement(begin)
            self.reset()
            return done
        self.start = begin if self.start is None else self.start
        if kind == "open":
            raise self.unterminated_error(begin)
        if kind == "dollar":
            self.at = self.find_end(text, self.at) + len(text)
        elif kind == "word":
            self.track_body(text.lower())
        self.parentheses += (text == "(") - (text == ")")
        return None

    def track_body(self, word: str) -> None:
        """Track the nesting of `begin atomic … end`, whose semicolons do not end the statement."""
        self.words.append(word)
        if self.words[-2:] == ["begin", "atomic"] and self.words[0] == "create":
            self.body_depth = 1
        elif self.body_depth:
            self.body_depth += (word == "case") - (word == "end")

    def find_end(self, mark: str, begin: int) -> int:
        """Return the next position of a closing mark."""
        found = self.sql.find(mark, begin)
        if found < 0:
            raise self.unterminated_error(begin - len(mark))
        return found

    def find_comment_end(self) -> int:
        """Return the position after a block comment; these nest."""
        depth = 1
        for mark in _NESTED_COMMENT.finditer(self.sql, self.at):
            depth += 1 if mark[0] == "/*" else -1
            if not depth:
                return mark.end()
        raise self.unterminated_error(self.at - 2)

    def finish_statement(self, end: int) -> Statement:
        """Return the statement that ends at a position."""
        begin = self.start or 0
        return Statement(self.sql[begin:end].rstrip(), self.line_at(begin))

    def line_at(self, at: int) -> int:
        """Return the 1-based line of a position."""
        if at < self.counted_to:
            self.counted_to, self.counted_lines = 0, 0
        self.counted_lines += self.sql.count("\n", self.counted_to, at)
        self.counted_to = at
        return self.counted_lines + 1

    def unterminated_error(self, at: int) -> ProvisionError:
        """Return the error for an unterminated quote or comment."""
        return ProvisionError(
            f"{self.name} line {self.line_at(at)}: a quote or comment starts here and never ends; "
            "nothing of this script was run"
        )
