"""Documented pools of clients that follow the secret during a cutover."""
