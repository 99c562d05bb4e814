"""SIGKILL anywhere: nobody is stuck, no name is stale, nothing is left.

    kills.py [--kills N] [--seed N]

Ten places take three locks, shared and exclusive, half of them a second lock inside the first, each with a command that
runs until it is let go. In no order at all processes are started, let go, or killed: a sage-flock whose command runs,
one that waits, one just starting, a command. The locks that a killed sage-flock leaves to its command are kept until
that ends, by design; what --status names must be one of those that still run.

At the end the commands are let go. Then all must end, --status must name nobody, and the locks' folders must be as
small as before the first call.
"""

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from programs import LOCKS, PATIENCE, SAGE_FLOCK, WANTS, Wrong, check_nothing_is_left

PLACES = 10
COMMAND = ['sh', '-c', 'echo $$; exec cat']     # runs until its stdin ends
LOOK_EVERY = 25                                 # kills


class Place(object):
    """One of the places: a sage-flock, what it runs, and what that runs, all in one process group."""

    def __init__(self, folder, chance):
        words = COMMAND
        for _ in range(chance.choice([1, 2])):
            words = ['sh', '-c', WANTS % '$$', 'sh', chance.choice(['-s', '-x']), chance.choice(LOCKS[:3])] + words
        self.heard = b''
        self.child = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, preexec_fn=os.setsid, close_fds=True)

    def has_ended(self):
        """Is the last process gone?  Hears what they say on the way."""
        while not self.child.stdout.closed and select.select([self.child.stdout], [], [], 0)[0]:
            piece = os.read(self.child.stdout.fileno(), 4096)
            if not piece:
                self.child.stdout.close()
                self.let_go()
                self.child.wait()
            self.heard += piece
        if b'Traceback' in self.heard:
            raise Wrong(self.heard.decode('ascii', 'replace'))
        return self.child.stdout.closed

    def process_ids(self):
        """All that said theirs, running or not; the first one, which may not have come to say it, included."""
        said = [int(word) for word in self.heard.split(b'\n')[:-1] if word.isdigit()]
        return set(said + [self.child.pid])

    def kill(self, chance):
        """Kill one of its processes; was there one?"""
        pid = chance.choice(sorted(self.process_ids()))
        try:
            if os.getpgid(pid) != self.child.pid:       # the number is somebody else's by now
                return False
            os.kill(pid, signal.SIGKILL)
        except OSError:
            return False
        return True

    def let_go(self):
        if not self.child.stdin.closed:
            self.child.stdin.close()

    def end(self):
        """Whatever is left of it goes."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except OSError:
            pass
        self.let_go()
        self.child.wait()


def kill_many(number, chance, folder, places):
    """Start, let go and kill until so many are killed; then let all go."""
    killed = looked = 0
    while killed < number:
        places[:] = [place for place in places if not place.has_ended()]
        if len(places) < PLACES:
            places.append(Place(folder, chance))
        # Some are killed while they start: how far they get is the machine's choice.
        select.select([], [], [], chance.choice([0, 0.003, 0.01, 0.03]))
        place = chance.choice(places)
        if chance.random() < 0.3:
            place.let_go()
        elif place.kill(chance):
            killed += 1
        if killed >= looked + LOOK_EVERY:
            looked = killed
            check_names(folder, places)
    for place in places:
        place.let_go()
    since = time.time()
    while places:
        places[:] = [place for place in places if not place.has_ended()]
        if time.time() - since > PATIENCE:
            raise Wrong('stuck:\n' + '\n'.join([place.heard.decode('ascii', 'replace') for place in places]))
        select.select([], [], [], 0.01)


def check_names(folder, places):
    """--status names nobody who has ended before it was asked."""
    places[:] = [place for place in places if not place.has_ended()]
    running = set()
    status = subprocess.Popen(SAGE_FLOCK + ['--status', '--json'], cwd=folder, stdout=subprocess.PIPE)
    said = json.loads(status.communicate()[0].decode('ascii'))
    for place in places:
        place.has_ended()
        running |= place.process_ids()
    for lock in said:
        for user in lock['users']:
            if user['pid'] not in running:
                raise Wrong('%s is stale: %s' % (lock['lock'], user))


def forget_newborns(folder):
    """Whoever was killed while making a record left one half made, which counts as dead once it is old."""
    for parent, _, names in os.walk(os.path.join(folder, '.sage-flock')):
        for name in names:
            if name.startswith('t.'):
                os.utime(os.path.join(parent, name), (0, 0))


def main(words):
    options = {'--kills': 40, '--seed': random.randrange(10 ** 6)}
    while words:
        options[words[0]] = int(words[1])
        words = words[2:]
    for name in ('SAGE_FLOCK_HELD', 'SAGE_LOCK_DIR', 'SAGE_LOCAL', 'MAKEFLAGS', 'SAGE_FLOCK_LOG'):
        os.environ.pop(name, None)
    folder = tempfile.mkdtemp()
    places = []
    try:
        kill_many(options['--kills'], random.Random(options['--seed']), folder, places)
        forget_newborns(folder)
        check_nothing_is_left(folder)
    except Wrong:
        print('kills, seed %d: %s' % (options['--seed'], sys.exc_info()[1]))
        return 1
    finally:
        for place in places:
            place.end()
        shutil.rmtree(folder)
    print('%d killed, nothing left' % options['--kills'])
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
