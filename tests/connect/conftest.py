"""Nothing of its own: the servers come from tests/support."""
