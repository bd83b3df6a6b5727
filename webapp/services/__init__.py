"""What the app does, a room for each act; knows no HTTP and is the only one that commits.

Each function ends its own transaction before it returns or calls TikTok; the rows it returns
are detached and only to be read.
"""
