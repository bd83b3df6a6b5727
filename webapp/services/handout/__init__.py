"""Handing access tokens to services that show a key."""
