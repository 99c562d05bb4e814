"""Stands in for Cygwin's rebase: rewrites each DLL on the list in place, and fails if meanwhile a DLL is added, removed
or touched by another process.

    rebase-stand-in.py -O -T LIST

REBASE_STAND_IN is a shell command to run meanwhile.
"""

import os
import subprocess
import sys


def stamp(path):
    try:
        status = os.stat(path)
    except EnvironmentError:
        return None
    return status.st_ino, status.st_size, status.st_mtime


def dlls(folders):
    return sorted(os.path.join(folder, name) for folder in folders if os.path.isdir(folder)
                  for name in os.listdir(folder) if name.endswith('.dll'))


paths = [line.rstrip('\n') for line in open(sys.argv[-1]) if line.endswith('.dll\n')]
folders = set(os.path.dirname(path) for path in paths)
stamps = {}
for path in paths:
    try:
        dll = open(path, 'r+b')
    except EnvironmentError:
        sys.exit('rebase: %s went while it was to be rewritten' % path)
    data = dll.read()
    dll.seek(0)
    dll.write(data)
    dll.close()
    stamps[path] = stamp(path)
subprocess.call(os.environ.get('REBASE_STAND_IN', 'sleep 0.2'), shell=True)
for path in sorted(set(paths) | set(dlls(folders))):
    if stamps.get(path) is None or stamp(path) != stamps[path]:
        sys.exit('rebase: %s was touched while it was rewritten' % path)
