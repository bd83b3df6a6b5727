"""Shared by all views."""
