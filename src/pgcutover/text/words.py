"""Numbers and nouns of messages."""


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: 1 row, 2,000 rows, 3 indexes."""
    return f"{count:,} {noun if count == 1 else plural or make_plural(noun)}"


def make_plural(noun: str) -> str:
    """Return the plural of a regular noun."""
    return noun + ("es" if noun.endswith(("x", "s", "ch")) else "s")


def agree(count: int, singular: str, plural: str) -> str:
    """Return the form of a verb or pronoun that agrees with a count."""
    return singular if count == 1 else plural
