"""The catalogs of both servers, read once."""

from pgcutover.catalog.manifest import (
    ExpectedForeignKey,
    ExpectedIndex,
    ExpectedNames,
    Manifest,
    read_manifest,
)

__all__ = [
    "ExpectedForeignKey",
    "ExpectedIndex",
    "ExpectedNames",
    "Manifest",
    "read_manifest",
]
