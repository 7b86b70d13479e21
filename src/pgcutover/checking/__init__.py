"""The checks of a run: registry, expected results, advice, and generated pages."""
