"""Telling NOTIFY_URL what happened."""
