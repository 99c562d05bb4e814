"""The default packages, built by two hosts at once that share nothing but etcd.

    etcd_hosts.py [--runs=20] [--jobs=2]

Each host has a tree, a HOME and a TMPDIR of its own, and makes the default packages in it; rebase is a step that the
two share.  A witness (witness.py) under it notes if it ever runs twice at a time.  It fails if that happens, or if a
build fails.  PYTHON and MAKE are the interpreter and the make.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import etcd_servers

TESTS = os.path.dirname(os.path.abspath(__file__))
MAKEFILE = os.path.join(os.path.dirname(TESTS), 'build', 'make', 'Makefile')
PYTHON = os.environ.get('PYTHON') or sys.executable
HOSTS = ('north', 'south')


def build(folder, host, address, jobs):
    """Start a build of `host`: its Popen."""
    home = '%s/%s' % (folder, host)
    for name in home, home + '/home', home + '/tmp':
        os.mkdir(name)
    environment = dict([(k, v) for k, v in os.environ.items() if not k.startswith(('SAGE_', 'MAKE', 'MFLAGS'))],
                       HOME=home + '/home', TMPDIR=home + '/tmp', SAGE_LOCK_DIR='etcd://%s/farm' % address,
                       SAGE_REBASE=folder + '/rebase', PYTHON=PYTHON)
    with open(home + '/output', 'w') as output:
        return subprocess.Popen([os.environ.get('MAKE', 'make'), '-j%s' % jobs, '-f', MAKEFILE,
                                 'SAGE_LOCAL=%s/tree' % home, 'REBASE_KEY=--key rebase-' + host],
                                env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT)


def run(folder, address, jobs):
    """One run of both: what went wrong, a list of texts, and how often the shared step ran."""
    with open(folder + '/rebase', 'w') as script:
        script.write('#!/bin/sh\nexec %s -S -E %s/witness.py %s exclusive 0.2\n' % (PYTHON, TESTS, folder))
    os.chmod(folder + '/rebase', 0o755)
    for name in 'log', 'witness':
        open('%s/%s' % (folder, name), 'w').close()
    wrong = []
    for host, process in [(host, build(folder, host, address, jobs)) for host in HOSTS]:
        process.stdin.close()
        if process.wait():
            with open('%s/%s/output' % (folder, host)) as output:
                wrong.append('%s: make ended with %d: %s' % (host, process.returncode, output.read()[-2000:]))
    with open(folder + '/log') as log:
        said = log.read()
    if 'together' in said:
        wrong.append('the shared step ran twice at a time')
    return wrong, said.count('in ')


def main(*options):
    given = dict([option.lstrip('-').partition('=')[::2] for option in options])
    folder = tempfile.mkdtemp()
    cluster = etcd_servers.Cluster(folder)
    failed = 0
    try:
        cluster.start()
        for number in range(int(given.get('runs', 20))):
            inside = tempfile.mkdtemp(dir=folder)
            start = time.time()
            wrong, steps = run(inside, cluster.address, given.get('jobs', '2'))
            print('run %d: %d shared steps in %.0f s: %s' % (
                number + 1, steps, time.time() - start, '; '.join(wrong) or 'fine'))
            sys.stdout.flush()
            failed += bool(wrong or steps < 2)
            shutil.rmtree(inside, ignore_errors=True)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main(*sys.argv[1:]))
