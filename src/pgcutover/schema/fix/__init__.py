"""The SQL that would make the target match the expected schema; printed, never run."""
