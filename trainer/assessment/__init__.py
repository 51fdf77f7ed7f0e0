"""A recipe assessed by the line's own rules: settings chosen, bounds stated, the acceptance report."""
