"""Words errors for people, without values, passwords or DSNs."""
