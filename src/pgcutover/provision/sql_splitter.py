"""SQL text cut into its statements, each with the line it starts on.

The server takes a whole script at once, but then says nothing of where a statement failed unless
it failed to parse. Sent one by one, every error has a line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgcutover.errors import ProvisionError
from pgcutover.sql_tokens import TOKEN

_NESTED_COMMENT = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon, and the line of its first word."""

    text: str
    line: int

    def line_of(self, position: int | None) -> int:
        """The line of a 1-based character position within the statement."""
        return self.line + self.text.count("\n", 0, max(0, (position or 1) - 1))

    @property
    def words(self) -> tuple[str, ...]:
        """Its first three words in lower case: enough to know its kind."""
        return tuple(re.findall(r"[a-z_]+", self.text[:200].lower())[:3])


def split_statements(sql: str, name: str) -> list[Statement]:
    """The statements of a script; ProvisionError where a quote or comment never ends."""
    return list(_Splitter(sql, name).run())


class _Splitter:
    """Follows quotes, comments, parentheses and the bodies of SQL functions."""

    def __init__(self, sql: str, name: str) -> None:
        self.sql, self.name = sql, name
        self.at = 0
        self.counted_to, self.counted_lines = 0, 0
        self.reset()

    def reset(self) -> None:
        """Ready for the next statement."""
        self.start: int | None = None
        self.parentheses = self.body_depth = 0
        self.words: list[str] = []

    def run(self) -> Iterator[Statement]:
        """Each statement as its end is met; the last may lack its semicolon."""
        while self.at < len(self.sql):
            if statement := self.step():
                yield statement
        if self.start is not None:
            yield self.statement(len(self.sql))

    def step(self) -> Statement | None:
        """Consumes one token; a statement when it was the semicolon that ends one."""
        token = TOKEN.match(self.sql, self.at)
        assert token is not None  # noqa: S101 - the last alternative takes any character
        kind, begin, self.at = token.lastgroup, self.at, token.end()
        if kind == "comment":
            self.at = self.end_of_comment()
        elif kind != "skip":
            return self.significant(kind, token[0], begin)
        return None

    def significant(self, kind: str | None, text: str, begin: int) -> Statement | None:
        """A token that belongs to a statement."""
        if text == ";" and not self.parentheses and not self.body_depth:
            done = None if self.start is None else self.statement(begin)
            self.reset()
            return done
        self.start = begin if self.start is None else self.start
        if kind == "open":
            raise self.unterminated(begin)
        if kind == "dollar":
            self.at = self.end_of(text, self.at) + len(text)
        elif kind == "word":
            self.word(text.lower())
        self.parentheses += (text == "(") - (text == ")")
        return None

    def word(self, word: str) -> None:
        """Follows `begin atomic … end`, whose semicolons are the function's own."""
        self.words.append(word)
        if self.words[-2:] == ["begin", "atomic"] and self.words[0] == "create":
            self.body_depth = 1
        elif self.body_depth:
            self.body_depth += (word == "case") - (word == "end")

    def end_of(self, mark: str, begin: int) -> int:
        """Where the mark comes next."""
        found = self.sql.find(mark, begin)
        if found < 0:
            raise self.unterminated(begin - len(mark))
        return found

    def end_of_comment(self) -> int:
        """Past the end of a block comment; these nest."""
        depth = 1
        for mark in _NESTED_COMMENT.finditer(self.sql, self.at):
            depth += 1 if mark[0] == "/*" else -1
            if not depth:
                return mark.end()
        raise self.unterminated(self.at - 2)

    def statement(self, end: int) -> Statement:
        """The statement that ends here."""
        begin = self.start or 0
        return Statement(self.sql[begin:end].rstrip(), self.line(begin))

    def line(self, at: int) -> int:
        """The 1-based line of a position."""
        if at < self.counted_to:
            self.counted_to, self.counted_lines = 0, 0
        self.counted_lines += self.sql.count("\n", self.counted_to, at)
        self.counted_to = at
        return self.counted_lines + 1

    def unterminated(self, at: int) -> ProvisionError:
        """The error for a quote or comment without an end."""
        return ProvisionError(
            f"{self.name} line {self.line(at)}: a quote or comment starts here and never ends; "
            "nothing of this script was run"
        )
