"""From table mappings and both catalogs to the tables and columns of a task."""
