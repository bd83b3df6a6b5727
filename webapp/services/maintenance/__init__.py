"""Checking and looking after an installation."""
