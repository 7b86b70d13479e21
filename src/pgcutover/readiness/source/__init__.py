"""The source's own situation, before anything is moved from it."""
