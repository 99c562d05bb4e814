"""Which module of build/sage_flock may import which: downwards only, and in no circle.

    imports.py BUILD          status 0 if that holds for the tree BUILD; else a line for each import that may not be
    imports.py BUILD table    prints every module with what it imports

A module may import those in lines below its own, and in its own line only what is named before it.
"""

import ast
import glob
import os
import sys

ORDER = '''
call report.call
several
status selftest
files etcd
files.waiting files.listing files.sweep etcd.keeper etcd.waiting
files.watch
files.deadlock files.holders
files.interrupts files.pool
files.records
files.sidecar etcd.queue
files.ranges
files.locks etcd.http
report.text report.page report.trace
report.rows report.sums
report.log
command sweeps slots
options
proc
events
request
debts jobserver hints lines
messages
terminal
python
'''


def imports(path):
    """The modules of ours that the file `path` imports, anywhere in it."""
    with open(path) as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == 'sage_flock':
            package = node.module[len('sage_flock.'):]
            for alias in node.names:
                inner = (package + '.' + alias.name).lstrip('.')
                yield inner if inner in RANK else package


def module_of(path, root):
    name = os.path.relpath(path, root)[:-len('.py')].replace('/', '.')
    return name[:-len('.__init__')] if name.endswith('.__init__') else name


RANK = {}
for number, line in enumerate(ORDER.split('\n')):
    for place, name in enumerate(line.split()):
        RANK[name] = (number, -place)


def main(build, word=''):
    root = build + '/sage_flock'
    wrong = 0
    for path in sorted(glob.glob(root + '/*.py') + glob.glob(root + '/*/*.py')):
        module = module_of(path, root)
        if module in ('__init__', 'report'):    # the one only chooses an engine, when asked, and the other is empty
            continue
        found = sorted(set(imports(path)))
        if word == 'table':
            print('%-16s %s' % (module, ' '.join(found)))
        for other in found:
            if RANK.get(module, (99,)) >= RANK.get(other, (0,)):
                print('%s may not import %s' % (module, other))
                wrong += 1
    return wrong > 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
