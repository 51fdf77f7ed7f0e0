"""The station: what the operator and the quality engineer look at, as a program of its own."""
