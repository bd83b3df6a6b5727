"""Audit events, history and figures."""
