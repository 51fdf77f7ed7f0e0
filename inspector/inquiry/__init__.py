"""What people ask of coils that have passed: each command reads a journal, and changes nothing."""
