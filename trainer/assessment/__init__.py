"""A recipe assessed by the line's own rules: defects counted, bounds stated, the acceptance report."""
