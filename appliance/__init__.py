"""The faces of the appliance: command line, HTTP, and the supervisor that keeps its processes up."""
