"""Sections of migration.toml about the night: ledger, freeze, switch, and what comes after."""
