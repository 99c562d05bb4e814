"""sage-flock, a module per protocol; the way in is call.py."""
