"""Stands in for sage-flock, to show what happens without it: takes no lock, or with STAND_IN=flock that of flock(1)."""

import os
import sys

words = sys.argv[1:]
flock = ['flock']
while words[0].startswith('-'):
    if words[0] == '-s':
        flock.append('-s')
    del words[:2 if words[0] in ('--key', '--mark') else 1]
lock, command = words[0], words[1:]
if os.environ.get('STAND_IN') == 'flock':
    if '/' not in lock:
        lock = os.path.join(os.environ['SAGE_LOCAL'], 'var/lock', lock)
    command = flock + [lock] + command
os.execvp(command[0], command)
