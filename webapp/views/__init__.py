"""The doors for browsers: HTTP in, HTTP out. Holds no meaning of its own and commits nothing."""
