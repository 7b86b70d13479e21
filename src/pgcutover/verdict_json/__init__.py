"""verdict.json: its model, reading and writing, and its documentation."""
