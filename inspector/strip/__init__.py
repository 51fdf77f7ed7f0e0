"""Where on the coil: places, merges and accounts for strip."""
