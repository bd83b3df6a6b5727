"""HTTP as calls out need it: one deadline, verified TLS, no proxy; knows nobody who is called."""
