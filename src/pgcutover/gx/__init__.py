"""Great Expectations suites run on the target's data."""
