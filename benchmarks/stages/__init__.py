"""Where the time of an extraction goes."""
