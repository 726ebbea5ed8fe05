"""The REST endpoints: technologies, their tasks, the system, health."""
