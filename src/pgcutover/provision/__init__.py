"""Preparing the target: schema extraction and numbered scripts."""
