"""The outbox: triggers record the keys of changed rows, and relays write these rows to the target.

docs/dual-write.md holds the protocol and the reasons for each of its steps.
"""
