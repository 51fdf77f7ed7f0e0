"""What the mill acts on: a coil's record, its grade, its report, and what the next machine needs of it."""
