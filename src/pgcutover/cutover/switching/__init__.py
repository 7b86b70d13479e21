"""Switches where clients connect: secret, env file or hook."""
