"""Cross-validation: every frame assessed once, by a network that saw neither it nor its near-duplicates."""
