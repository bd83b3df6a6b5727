"""Everything TikTok says differently from RFC 6749, and nowhere else; holds no tables."""
