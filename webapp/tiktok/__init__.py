"""Everything TikTok does differently from RFC 6749; no tables."""
