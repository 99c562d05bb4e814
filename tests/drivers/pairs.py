"""Two makes in one tree: each package is built once, and both makes succeed.

    pairs.py [--rounds N] [--seed N]

Twelve packages read each other's headers for a while as they build.  In every other round the first make alone is
killed with SIGKILL, and what it started goes on.  Each package counts its own builds.  PYTHON and MAKE are the
interpreter and the make.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

MAKEFILE = os.path.abspath(__file__).rpartition('/tests/')[0] + '/build/make/Makefile'
PACKAGES = 12

BUILD = '''echo >>"$COUNTS/$SAGE_PKG"
P=$SAGE_DESTDIR$SAGE_LOCAL
mkdir -p "$P/include"
echo "$SAGE_PKG" >"$P/include/$SAGE_PKG.h"
for time in 1 2 3 4 5; do
    sleep 0.0%d
    for need in %s; do [ "$(cat "$SAGE_LOCAL/include/$need.h")" = "$need" ]; done
done
'''


def packages(folder, chance):
    """Makes the packages, each needing some of those before it."""
    names = ['p%d' % number for number in range(PACKAGES)]
    for number, name in enumerate(names):
        needs = chance.sample(names[:number], min(number, chance.randrange(3)))
        os.makedirs('%s/pkgs/%s' % (folder, name))
        for file, text in (('version', '1'), ('type', 'default'), ('dependencies', ' '.join(needs)),
                           ('spkg-install', BUILD % (chance.randrange(1, 10), ' '.join(needs)))):
            with open('%s/pkgs/%s/%s' % (folder, name, file), 'w') as out:
                out.write(text + '\n')


def one_round(folder, chance, kill):
    """What went wrong, texts."""
    packages(folder, chance)
    os.mkdir(folder + '/counts')
    environment = dict([each for each in os.environ.items() if not each[0].startswith(('SAGE_', 'MAKE', 'MFLAGS'))],
                       SAGE_PKGS=folder + '/pkgs', SAGE_LOCAL=folder + '/tree', COUNTS=folder + '/counts')
    words = [os.environ.get('MAKE', 'make'), '--no-print-directory', '-f', MAKEFILE]

    def make(name):
        with open(folder + '/' + name, 'w') as output:
            return subprocess.Popen(words + ['-j%d' % chance.randrange(1, 5)], env=environment, stdin=subprocess.PIPE,
                                    stdout=output, stderr=subprocess.STDOUT)

    first = make('first')
    time.sleep(chance.random() * 1.5)
    if kill:
        first.kill()
        first.wait()
    second = make('second')
    wrong = []
    for name, process in (('first', first), ('second', second)):
        if kill and process is first:
            continue
        process.wait()
        with open(folder + '/' + name) as output:
            said = output.read()
        if process.returncode or 'INTERNAL' in said:
            wrong.append('the %s make ended with %d: %s' % (name, process.returncode, said[-3000:]))
    for number in range(PACKAGES):
        path = '%s/counts/p%d' % (folder, number)
        builds = os.path.getsize(path) if os.path.exists(path) else 0
        if builds != 1:
            wrong.append('p%d was built %d times' % (number, builds))
    if subprocess.call(words + ['-q'], env=environment):
        wrong.append('something is still due')
    return wrong


def main(*options):
    given = dict([option.lstrip('-').partition('=')[::2] for option in options])
    seed = int(given.get('seed', time.time()))
    chance = random.Random(seed)
    failed = 0
    for number in range(int(given.get('rounds', 20))):
        folder = tempfile.mkdtemp()
        kill = number % 2 == 1
        wrong = one_round(folder, chance, kill)
        print('round %d%s: %s' % (number + 1, kill and ', the first one killed' or '', '; '.join(wrong) or 'fine'))
        failed += bool(wrong)
        shutil.rmtree(folder)
    if failed:
        print('seed %d' % seed)
    return failed > 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
