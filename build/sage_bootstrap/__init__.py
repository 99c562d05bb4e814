"""Sage's bootstrap package, of which the kit has compat/argparse.py only."""
