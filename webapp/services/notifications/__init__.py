"""Notifications to NOTIFY_URL."""
