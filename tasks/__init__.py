"""What waits and what works: the task record, the queue, the file store, the workers and their jobs."""
