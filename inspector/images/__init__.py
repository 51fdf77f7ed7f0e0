"""Image files into grey frames, one rule for camera, trainer, replay and proof: the container is walked first."""
