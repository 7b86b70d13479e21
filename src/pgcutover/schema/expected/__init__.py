"""The expected schema, built on a scratch server."""
