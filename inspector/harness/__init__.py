"""An inspector on ports of its own, run and observed by a program: for the demo, the bench, check-ups and tests."""
