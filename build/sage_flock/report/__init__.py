"""What a log of SAGE_FLOCK_LOG says: for the terminal, as a page, as a trace."""
