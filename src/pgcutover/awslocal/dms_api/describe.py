"""The Describe operations' common part: filters and pages."""

from typing import Any

from pgcutover.awslocal.http import paging
from pgcutover.awslocal.http.request_context import Context, Request


def describe(
    context: Context, request: Request, kind: str, member: str, keys: dict[str, list[str]]
) -> dict[str, Any]:
    """Return a page of the resources of a kind that pass the request's filters."""
    rows = [record.wire for record in context.store.all(kind, context.region)]
    filters = request.get("Filters") or []
    found = paging.chosen(rows, filters, keys)
    paging.require_match(found, filters, member.removesuffix("s"))
    return paging.page(found, request, member)
