"""The Redis that the appliance brings: run, salvaged, and its tasks rescued."""
