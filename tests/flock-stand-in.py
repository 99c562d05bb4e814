"""Stands in for sage-flock and leaves the lock to flock(1): for measuring what that costs."""

import os
import sys

words = sys.argv[1:]
mode = '-x'
while words[0].startswith('-'):
    if words[0] == '-s':
        mode = '-s'
    del words[:2 if words[0] in ('--key', '--mark') else 1]
lock = words.pop(0)
if '/' not in lock:
    lock = os.path.join(os.environ['SAGE_LOCAL'], 'var/lock', lock)
os.execvp('flock', ['flock', mode, lock] + words)
