"""A look of procedural steel that was fitted to real frames of hot-rolled strip: how it was, LOG.md says."""
