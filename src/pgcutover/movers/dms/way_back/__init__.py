"""Tasks of type cdc that carry changes after a cutover, and their table mappings."""
