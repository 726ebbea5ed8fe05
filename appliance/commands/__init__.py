"""The commands of `voiceprint`, one file for those that belong together."""
