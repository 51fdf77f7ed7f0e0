"""One simulated coil inspected from end to end before a newcomer's eyes, scored against what was planted, and drawn."""
