"""What travels on a wire: refusals, tasks, voiceprints, technologies. Knows nothing of models, queues or servers."""
