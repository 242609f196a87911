"""Decisions about roaming, pure: who may see what, what a fact means for peers, how a place is doing."""
