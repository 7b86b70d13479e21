"""What is compared of one table, and in which form."""
