"""Voices compared and shown at the command line: read from files, put into words, drawn."""
