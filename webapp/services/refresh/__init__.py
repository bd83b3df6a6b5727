"""Refreshing access tokens, once per account."""
