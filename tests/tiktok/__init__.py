"""Tests of TikTok's dialect, on real sockets; a package, so that its parts find each other."""
