"""Coatcheck: people connect TikTok accounts, their tokens are kept sealed. Holds no code itself."""
