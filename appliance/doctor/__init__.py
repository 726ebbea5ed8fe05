"""What `voiceprint doctor` looks at, one file per subject, and in which order."""
