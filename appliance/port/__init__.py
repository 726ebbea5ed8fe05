"""The listening ports: connections, their limits, TLS and its certificates."""
