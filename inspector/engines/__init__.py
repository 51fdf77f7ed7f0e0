"""What assesses frames."""
