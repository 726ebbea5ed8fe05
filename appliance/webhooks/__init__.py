"""Telling a caller's own server that its task has ended."""
