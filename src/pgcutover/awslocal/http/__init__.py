"""HTTP server, AWS wire protocol and stored resources of the local AWS endpoint."""
