"""Copies of a real PostgreSQL, on every store that sync can fill."""
