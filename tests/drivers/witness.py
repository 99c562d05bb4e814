"""The command under the lock in crash.py: a witness of which commands are inside together.

    witness.py FOLDER MODE SECONDS [KEEP]

While it lives it keeps FOLDER/witness locked by lockf(3), shared or exclusive like its own lock, or as one of a pool
(MODE is its number) one of so many bytes of it.  When it dies, in whatever way, the kernel drops that lock at once,
before any flock(2) that it inherited.  So if a witness finds the file taken, two were inside together, killed or not.
With KEEP it waits for the file instead (crash.py looks at it, too), and ignores signals.  FOLDER/log gets a line, in one
write, as it comes in and as it goes out.
"""

import fcntl
import posix        # not os, nor signal before it is needed: starting this is most of what the crash test does
import sys
import time


def main(folder, mode, seconds, keep=None):
    log = posix.open(folder + '/log', posix.O_WRONLY | posix.O_APPEND)

    def say(what):
        posix.write(log, ('%s %d %d\n' % (what, posix.getpid(), posix.getppid())).encode('ascii'))

    if keep:        # up to Python 3.7 one that is left alone ends with 1 when INT comes
        import signal
        for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
            signal.signal(number, signal.SIG_IGN if keep == 'stubborn' else signal.SIG_DFL)
    witness = posix.open(folder + '/witness', posix.O_RDWR)
    operation = fcntl.LOCK_SH if mode == 'shared' else fcntl.LOCK_EX
    # Of a pool's bytes one may be let go behind the back of who looks at them in turn: it looks more than once.
    places = [(0, 0)] if mode.isalpha() else [(1, byte) for byte in range(int(mode))] * 20
    if not take_one(witness, operation | (0 if keep else fcntl.LOCK_NB), places):
        say('together')
        return 99
    say('in')
    time.sleep(float(seconds))
    say('out')
    return 0


def take_one(fd, operation, places):
    """Lock one of the places, (length, start); False if all are taken."""
    for length, start in places:
        try:
            fcntl.lockf(fd, operation, length, start)
            return True
        except EnvironmentError:
            pass
    return False


sys.exit(main(*sys.argv[1:]))
