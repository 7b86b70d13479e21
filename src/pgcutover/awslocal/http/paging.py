"""Filters and markers of the Describe operations."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from pgcutover.awslocal.http.aws_errors import invalid, not_found

Row = Mapping[str, Any]
DEFAULT_PAGE = 100
SMALLEST_PAGE = 20


def chosen(
    rows: Sequence[Row], filters: Sequence[Row], keys: Mapping[str, Sequence[str]]
) -> list[Row]:
    """Return the rows that pass every filter; `keys` maps filter names to members."""
    for entry in filters:
        if entry["Name"] not in keys:
            raise invalid(
                f"The filter {entry['Name']!r} is not valid; expected one of {', '.join(keys)}."
            )
        members, values = keys[entry["Name"]], entry["Values"]
        rows = [row for row in rows if any(row.get(member) in values for member in members)]
    return list(rows)


def require_match(rows: Sequence[Row], filters: Sequence[Row], title: str) -> None:
    """Raise DmsFault if no row is left, as DMS does; boto3's waiters rely on it."""
    if filters and not rows:
        raise not_found(f"No {title}s found matching provided filters.")


def page(
    rows: Sequence[Row], request: Row, member: str, largest: int = DEFAULT_PAGE
) -> dict[str, Any]:
    """Return one page of rows under `member`, with a Marker if more remain."""
    size = request.get("MaxRecords") or min(DEFAULT_PAGE, largest)
    if not SMALLEST_PAGE <= size <= largest:
        raise invalid(f"MaxRecords must be from {SMALLEST_PAGE} to {largest}, found {size}.")
    start = _offset(request.get("Marker"))
    answer: dict[str, Any] = {member: list(rows[start : start + size])}
    if start + size < len(rows):
        answer["Marker"] = base64.b64encode(f"offset:{start + size}".encode()).decode()
    return answer


def _offset(marker: str | None) -> int:
    if not marker:
        return 0
    try:
        return int(base64.b64decode(marker, validate=True).decode().removeprefix("offset:"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise invalid("The Marker is not one this service gave out.") from None
