"""A daemon on free ports, run and observed by a program: for demo, bench, checks and tests."""
