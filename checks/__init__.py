"""The gate: one question a file, one folder a stage."""
