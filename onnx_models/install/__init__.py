"""Files of models: fetched, checked, built, written whole or not at all, carried elsewhere and removed."""
