"""What both servers contain, read once from their catalogs."""

from pgcutover.catalog.manifest import (
    ExpectedForeignKey,
    ExpectedIndex,
    Manifest,
    read_manifest,
)

__all__ = [
    "ExpectedForeignKey",
    "ExpectedIndex",
    "Manifest",
    "read_manifest",
]
