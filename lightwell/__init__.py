"""Package `lightwell`: the server application for embedding, and the command `lightwell`."""
