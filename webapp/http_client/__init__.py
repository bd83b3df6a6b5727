"""Outgoing HTTP calls: deadlines, TLS, no proxy, no redirects."""
