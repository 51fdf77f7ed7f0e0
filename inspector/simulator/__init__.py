"""A line that is not there: procedural steel and what moves it past the inspector."""
