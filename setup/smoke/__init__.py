"""Examples of a smoke suite, for KGC: representative queries, and a check of its own."""
