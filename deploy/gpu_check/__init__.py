"""A check-up of a machine with a GPU: everything that only such a machine can prove, in one command."""
