"""Lists of names in sentences."""

from collections.abc import Sequence

_SHOWN = 20


def first_names(names: Sequence[str]) -> str:
    """Return at most twenty names, and the number of those left out."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more
