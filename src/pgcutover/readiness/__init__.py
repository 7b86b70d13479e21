"""Checks that must pass before any data is compared: databases, TLS, privileges."""
