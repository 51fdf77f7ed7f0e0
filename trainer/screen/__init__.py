"""Fast recipes that look first."""
