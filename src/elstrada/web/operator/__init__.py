"""The operator's pages: what the network is doing, and what wants attention."""
