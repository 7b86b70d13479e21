"""Great Expectations suites for the target's data."""
