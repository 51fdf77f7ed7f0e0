"""Words of the pages and of the coil's report, by language: a file each."""
