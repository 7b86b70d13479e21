"""Text helpers: numbers and nouns, passwords removed, SQL tokens."""
