"""The console: a page on which people look instead of read, in plain ES modules that this folder holds."""
