"""Stands in for sage-flock and takes no lock: for showing what happens then."""

import os
import sys

words = sys.argv[1:]
while words[0].startswith('-'):
    del words[:2 if words[0] in ('--key', '--mark') else 1]
os.execvp(words[1], words[1:])
