"""Refreshes access tokens, with one call per account at a time."""
