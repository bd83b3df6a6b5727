"""Notices out over HTTP, signed by Standard Webhooks; knows no table and no schedule."""
