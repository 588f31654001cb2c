"""`sync`: filling a copy from its source, keeping it up to date, and comparing the two."""
