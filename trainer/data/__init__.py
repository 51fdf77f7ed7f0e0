"""Labelled steel: read from every layout, checked, split, kept in memory. Knows no network."""
