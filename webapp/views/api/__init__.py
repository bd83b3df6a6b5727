"""Responses for services, TikTok and monitoring."""
