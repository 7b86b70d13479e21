"""`pgcutover reveal`: shows the row behind a key hash to whoever may read the databases."""
