"""The whole schema of a database as comparable objects, and what is expected of the target's."""
