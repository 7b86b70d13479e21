"""State that no dump shows: sequences, partitions, materialized views, corrupt indexes."""
