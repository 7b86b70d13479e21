"""Operations on the tags of resources."""

from typing import Any

from pgcutover.awslocal.http import naming
from pgcutover.awslocal.http.request_context import Context, Operation, Request


def add_tags(context: Context, request: Request) -> dict[str, Any]:
    """Add tags to a resource, or change them."""
    context.store.any(request["ResourceArn"]).tags.update(naming.tags(request["Tags"]))
    context.store.save()
    return {}


def remove_tags(context: Context, request: Request) -> dict[str, Any]:
    """Remove tags from a resource; a missing tag is no error."""
    record = context.store.any(request["ResourceArn"])
    record.tags = {k: v for k, v in record.tags.items() if k not in request["TagKeys"]}
    context.store.save()
    return {}


def list_tags(context: Context, request: Request) -> dict[str, Any]:
    """Return the tags of one or several resources."""
    arns = request.get("ResourceArnList") or [request.get("ResourceArn", "")]
    rows = [(arn, context.store.any(arn).tags) for arn in arns]
    return {
        "TagList": [
            {"Key": key, "Value": value, "ResourceArn": arn}
            for arn, tags in rows
            for key, value in tags.items()
        ]
    }


OPERATIONS: dict[str, Operation] = {
    "AddTagsToResource": add_tags,
    "RemoveTagsFromResource": remove_tags,
    "ListTagsForResource": list_tags,
}
