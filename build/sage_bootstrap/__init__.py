"""The parts of sage-flock, one module per protocol; the way in is cmdline."""
