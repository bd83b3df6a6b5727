"""Answers for services, TikTok and monitoring."""
