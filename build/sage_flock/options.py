"""The options of sage-flock, and what is wrong with those that make no sense.

They are flock(1)'s, so that scripts written for it run unchanged.  They end
at LOCK; everything behind it belongs to the command.
"""

from sage_bootstrap.compat import argparse
from sage_flock import python
from sage_flock.messages import USAGE, Failure, seconds_in
from sage_flock.request import EXCLUSIVE, MOST, POOL, SHARED, UNLOCK, most_in

VERSION = '1.0'


class _Parser(argparse.ArgumentParser):

    def error(self, message):
        from sage_flock import hints
        raise _wrong(message + hints.in_brackets(hints.for_options(message, self.names())))

    def names(self):
        """The names of all options."""
        return list(self._options)


def parser():
    """The argparse parser of the command line."""
    it = _Parser(prog='sage-flock', usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    add = it.add_argument
    add('-s', '--shared', dest='mode', action='store_const', const=SHARED,
        help='take a shared lock')
    add('-x', '-e', '--exclusive', dest='mode', action='store_const', const=EXCLUSIVE,
        help='take an exclusive lock (the default)')
    add('-u', '--unlock', dest='mode', action='store_const', const=UNLOCK,
        help='drop the lock of a descriptor')
    add('--pool', type=_most, dest='most', metavar='N',
        help='share the lock with so many at a time that there are N at most, 1 to 256')
    it.also = []        # in the order in which they are written
    for option, mode in (('--also', EXCLUSIVE), ('--also-shared', SHARED)):
        add(option, metavar='LOCK', type=lambda word, mode=mode: it.also.append((mode, word)),
            help='take this lock, too, first; as often as needed' if mode == EXCLUSIVE else 'the same, shared')
    add('-n', '--nb', '--nonblock', '--nonblocking', dest='wait', action='store_false',
        default=True, help='do not wait: fail when the lock is held')
    add('-w', '--wait', '--timeout', dest='seconds', type=_seconds, metavar='SECONDS',
        help='wait for so long at most; fractions are allowed')
    add('-E', '--conflict-exit-code', dest='conflict', type=_status, default=1, metavar='N',
        help='exit status when the lock was not taken in time, 0 to 255 (1)')
    add('-o', '--close', action='store_true',
        help='do not hand the lock to the command: a daemon cannot keep it, but\n'
             'if sage-flock is killed the lock is free while the command runs on')
    add('-F', '--no-fork', dest='fork', action='store_false', default=True,
        help='become the command: it holds the lock until the last copy is closed')
    add('-c', '--command', metavar='COMMAND', dest='shell',
        help='behind LOCK: run COMMAND with $SHELL, else /bin/sh')
    add('--fd', type=_descriptor, metavar='N',
        help='lock descriptor N, then run COMMAND')
    add('--fcntl', action='store_true',
        help='lock bytes of the file as fcntl(2) does, not flock(2): a plain lock')
    add('--start', type=_size, metavar='N', help='from byte N on, 0 by default (implies --fcntl)')
    add('--length', type=_size, metavar='N', help='N bytes; 0, the default, is all (implies --fcntl)')
    add('--coalesce', action='store_true',
        help='COMMAND is a sweep over everything: if one that began after this\n'
             'call has succeeded by the time the lock is got, do not run again')
    add('--key', metavar='KEY',
        help='which sweeps are the same (default: same command, same folder)')
    add('--mark', metavar='FILE',
        help='without --coalesce: once COMMAND has succeeded, note in FILE that sweeps\n'
             'from now on cover it; with: one that began since FILE was written will do')
    add('--status', action='store_true',
        help='show who holds and who waits for LOCK..., or every lock of the folder')
    add('--json', action='store_true', help='show it as JSON')
    add('--all', dest='with_free', action='store_true',
        help='list the free locks of the folder as well, which are only counted else')
    add('--self-test', action='store_true',
        help='try whether locks work in LOCK, a folder, or else in the lock folder')
    add('-q', '--quiet', action='store_true', help='say nothing about waiting')
    add('--verbose', action='store_true', help='say how long taking the lock took')
    add('-V', '--version', action='version', version='sage-flock ' + VERSION,
        help='show the version and exit')
    add('lock', nargs='?', metavar='LOCK', help=argparse.SUPPRESS)
    add('command', nargs=argparse.REMAINDER, metavar='COMMAND', help=argparse.SUPPRESS)
    return it


def parse(words):
    """What the command line `words` asks for: a namespace with an attribute
    for each option, and

    names    the locks of --status, the folder of --self-test, if one is given
    also     (mode, name) of the locks to take before it
    lock     the name of the lock; None where `fd`, a descriptor, is locked
    command  the argv to run, [] in the FD form

    Raises Failure for what makes no sense, and SystemExit for --help and --version.
    """
    it = parser()
    asked = it.parse_args(words)
    asked.also = it.also
    asked.names = asked.command if asked.lock is None else [asked.lock] + asked.command
    if asked.status:
        if [word for word in asked.names if word.startswith('-')]:
            raise _wrong('options go before LOCK')
    elif asked.self_test:
        if asked.command:
            raise _wrong('--self-test takes one folder')
    else:
        _refuse_contradictions(asked)
        _tell_lock_from_command(asked)
    return asked


def _refuse_contradictions(asked):
    if asked.json or asked.with_free:
        raise _wrong('--json and --all go with --status')
    if asked.most is not None and (asked.mode not in (None, SHARED) or asked.coalesce or asked.fd is not None):
        raise _wrong('--pool goes with neither -x, -u, --coalesce nor --fd')
    asked.mode = POOL if asked.most is not None else asked.mode or EXCLUSIVE
    if asked.shell is not None and asked.fd is not None and not asked.names:
        asked.names = ['-c', asked.shell]
    elif asked.shell is not None:
        raise _wrong("-c goes behind LOCK: sage-flock LOCK -c 'SHELL COMMAND'")
    asked.fcntl = asked.fcntl or asked.start is not None or asked.length is not None
    if asked.fcntl and (asked.mode == POOL or asked.coalesce or asked.mark is not None):
        raise _wrong('--fcntl goes with neither --pool, --coalesce nor --mark')
    if asked.also and asked.mode == UNLOCK:
        raise _wrong('--also does not go with -u')
    if asked.coalesce and (asked.mode != EXCLUSIVE or not asked.fork):
        raise _wrong('--coalesce goes with neither -s, -u nor -F')
    if asked.mark is not None and (asked.key is None or asked.mode == UNLOCK or not asked.fork):
        raise _wrong('--mark goes with --key, and with neither -u nor -F')
    if asked.mark == '':
        raise _wrong('--mark names no file')
    if not asked.fork and asked.close:
        raise _wrong('-F and -o together would leave nobody to hold the lock')


def _tell_lock_from_command(asked):
    if asked.fd is not None:
        if not asked.names:
            raise _wrong('--fd %d goes with a COMMAND (only a bare number goes without one)' % asked.fd)
        asked.lock = None
        asked.command = _command(asked.names)
    elif asked.lock is None:
        raise _wrong("LOCK is missing (try 'sage-flock --help')")
    elif asked.command:
        asked.command = _command(asked.command)
    elif python.is_number(asked.lock):
        try:
            asked.fd = _descriptor(asked.lock)
        except argparse.ArgumentTypeError as error:
            raise _wrong(str(error))
        asked.lock = None
        if asked.also:
            raise _wrong('--also goes with a COMMAND: it is held as long as that runs')
        if asked.mode == POOL:
            raise _wrong('--pool goes with a COMMAND: a place is held by what runs')
    else:
        raise Failure(asked.lock, _no_command(asked), USAGE)


def _no_command(asked):
    from sage_flock import hints
    meant = '.' not in asked.lock and hints.for_option(asked.lock, parser().names())
    if asked.mode == UNLOCK and not meant:
        return '-u unlocks descriptors: a lock with a name is free once its command has ended'
    return 'has no command to run' + hints.in_brackets(meant or "only a descriptor's number goes without one")


def _command(words):
    if words and words[0] in ('-c', '--command'):
        if len(words) != 2:
            raise _wrong('%s takes one argument, the shell command%s' % (words[0], ' (quote it)' if words[2:] else ''))
        return [python.getenv('SHELL') or '/bin/sh', '-c', words[1]]
    return words


def _wrong(why):
    return Failure('usage', why, USAGE)


def _seconds(word):
    seconds = seconds_in(word)
    if seconds is None:
        raise argparse.ArgumentTypeError('%s is no number of seconds' % argparse.shown(word))
    return seconds


def _status(word):
    if not python.is_number(word) or int(word) > 255:
        raise argparse.ArgumentTypeError('%s is no exit status from 0 to 255' % argparse.shown(word))
    return int(word)


def _most(word):
    most = most_in(word)
    if most is None:
        raise argparse.ArgumentTypeError('%s is no number from 1 to %d' % (argparse.shown(word), MOST))
    return most


def _size(word):
    """A number of bytes; K, M, G and T are the powers of 1024."""
    digits = word.rstrip('KMGTiB')
    unit = word[len(digits):]
    power = 'KMGT'.find(unit[:1]) + 1 if unit else 0
    if not python.is_number(digits) or unit[1:] not in ('', 'iB') or unit and not power or int(digits) << 10 * power >= 1 << 63:
        raise argparse.ArgumentTypeError('%s is no number of bytes' % argparse.shown(word))
    return int(digits) << 10 * power


def _descriptor(word):
    if not python.is_number(word) or len(word) > 9:
        raise argparse.ArgumentTypeError('%s is no descriptor number' % argparse.shown(word))
    return int(word)


_USAGE = ('sage-flock [options] LOCK COMMAND [ARG...]\n'
          "       sage-flock [options] LOCK -c 'SHELL COMMAND'\n"
          '       sage-flock [options] FD\n'
          '       sage-flock [options] --fd N COMMAND [ARG...]\n'
          '       sage-flock --status [--json] [--all] [LOCK...]\n'
          '       sage-flock --self-test [FOLDER]')
_DESCRIPTION = 'Run a command under a named file lock.'
_EPILOG = """\
LOCK with a slash is a path; a bare name lives in $SAGE_LOCK_DIR, else in
$SAGE_LOCAL/var/lock, else here.  FD is a descriptor that the shell opened.

Exit status: the command's own, death by a signal included; the number of -E
when the lock was not taken in time; 2 usage; 125 sage-flock failed; 126 the
command cannot be run; 127 it was not found."""
