"""Decoder of the messages of PostgreSQL's output plugin pgoutput."""
