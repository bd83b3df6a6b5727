"""Binds a database to the installation it belongs to."""
