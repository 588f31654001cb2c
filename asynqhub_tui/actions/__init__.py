"""What changes an installation: planned, confirmed, journalled, executed and reported. No UI."""
