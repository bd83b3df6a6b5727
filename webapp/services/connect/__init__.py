"""Connecting a TikTok account, signing in with it, and disconnecting."""
