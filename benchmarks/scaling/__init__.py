"""How throughput and waiting grow with the number of clients, the length of recordings, and the number of workers."""
