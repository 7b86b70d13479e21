"""The AWS resources of a DMS migration: finding, creating and deleting them."""
