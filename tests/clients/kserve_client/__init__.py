"""KServe's client against a server, in an environment of its own: `make test-clients`."""
