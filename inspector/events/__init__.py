"""What is recorded and published."""
