"""What the standard library of some supported Python lacks, or does too slowly for us."""
