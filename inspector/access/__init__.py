"""Who may connect, to what, and as whom: keys, their folder, and the refusal of everybody else."""
