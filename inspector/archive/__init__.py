"""Pictures of what was seen: cut from frames, kept within bounds, relabelled, exported for training."""
