"""A drop folder: recordings that are put there become voiceprints, each once, whatever ends the process meanwhile."""
