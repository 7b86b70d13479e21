"""What both servers contain, read once from their catalogs."""

from pgcutover.catalog.manifest import (
    ExpectedForeignKey,
    ExpectedIndex,
    Manifest,
    read_manifest,
)
from pgcutover.catalog.model import DeclaredDifference

__all__ = [
    "DeclaredDifference",
    "ExpectedForeignKey",
    "ExpectedIndex",
    "Manifest",
    "read_manifest",
]
