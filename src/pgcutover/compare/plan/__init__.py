"""Planning the comparison of one table."""
