"""A mock provider light enough not to be the bottleneck: sign-ins, refreshes and profiles."""
