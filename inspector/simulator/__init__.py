"""A simulated line: procedural steel, and the camera that shows it to the inspector."""
