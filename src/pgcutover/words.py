"""Words of messages."""


def count_noun(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: 1 row, 2 rows."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
