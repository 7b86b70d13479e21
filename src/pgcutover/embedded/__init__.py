"""The embedded PostgreSQL servers of a rehearsal: installed, started, thrown away."""
