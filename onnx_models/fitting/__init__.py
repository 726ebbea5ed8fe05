"""From recordings of known speakers to a profile, and to what its scores are worth."""
