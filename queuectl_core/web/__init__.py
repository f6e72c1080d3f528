"""The dashboard and the HTTP API: what the command line can do, for browsers and programs."""
