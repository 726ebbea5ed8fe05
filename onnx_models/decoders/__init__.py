"""Decoders: one file for each library that turns a recording's bytes into samples."""
