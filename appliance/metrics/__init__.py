"""What `/metrics` shows: what all processes have counted, and how it stands at the moment of asking."""
