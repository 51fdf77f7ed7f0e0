"""A run: crops, network, loss, steps, checkpoints, and what a person sees of it."""
