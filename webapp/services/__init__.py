"""What the app does, independent of HTTP. Only services commit.

Each function ends its own transaction before it returns or calls TikTok. The rows it returns are
detached and must only be read.
"""
