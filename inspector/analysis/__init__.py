"""One frame, without its neighbours: maps to detections."""
