"""The command line of sage-flock: words in, one exit status out.

    sage-flock [options] LOCK COMMAND [ARG...]
    sage-flock [options] LOCK -c 'SHELL COMMAND'
    sage-flock [options] FD
    sage-flock --status [LOCK...]

Options are flock(1)'s, so that scripts written for it run unchanged.  They
end at LOCK; everything behind it belongs to the command.
"""

import posix
import sys

from sage_bootstrap.compat import argparse
import sage_flock
from sage_flock import files, python
from sage_flock.messages import FAILED, USAGE, Failure, quoted, reason, say, write
from sage_flock.request import EXCLUSIVE, HELD, SHARED, Request, Unavailable, pass_on

VERSION = '1.0'


class _Parser(argparse.ArgumentParser):

    def error(self, message):
        raise Failure('usage', message + " (try 'sage-flock --help')", USAGE)


def parser():
    """The argparse parser of the command line."""
    it = _Parser(prog='sage-flock', usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    add = it.add_argument
    add('-s', '--shared', dest='mode', action='store_const', const=SHARED,
        default=EXCLUSIVE, help='take a shared lock')
    add('-x', '-e', '--exclusive', dest='mode', action='store_const', const=EXCLUSIVE,
        help='take an exclusive lock (the default)')
    add('-u', '--unlock', dest='mode', action='store_const', const='unlock',
        help='drop the lock of a descriptor')
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
    add('--self-test', action='store_true',
        help='try whether locks work in LOCK, a folder, or else in the lock folder')
    add('-q', '--quiet', action='store_true', help='say nothing about waiting')
    add('--verbose', action='store_true', help='say how long taking the lock took')
    add('-V', '--version', action='version', version='sage-flock ' + VERSION,
        help='show the version and exit')
    add('lock', nargs='?', metavar='LOCK', help=argparse.SUPPRESS)
    add('command', nargs=argparse.REMAINDER, metavar='COMMAND', help=argparse.SUPPRESS)
    return it


def main(words):
    """Do what the command line `words` says, and end the process."""
    python.guard_standard_descriptors()
    try:
        status = _run(words)
    except Failure as failure:
        say(str(failure))
        status = failure.status
    except SystemExit as end:       # --help and --version
        status = _flushed(end.code or 0)
    except Exception as error:
        say('internal error: %s: %s (%s)' % (error.__class__.__name__, error, _where()))
        status = FAILED
    posix._exit(status)


def _where():
    """Where the exception that is being handled was raised: file and line.
    With SAGE_FLOCK_DEBUG=1 all of the way there goes to stderr first."""
    if python.getenv('SAGE_FLOCK_DEBUG') not in ('', '0'):
        import traceback
        traceback.print_exc()
        sys.stderr.flush()
    place = sys.exc_info()[2]
    while place.tb_next:
        place = place.tb_next
    return '%s:%d' % (place.tb_frame.f_code.co_filename.rpartition('/')[2], place.tb_lineno)


def _flushed(status):
    """The exit `status`, once what was printed is out."""
    try:
        if sys.stdout:
            sys.stdout.flush()
        return status
    except (IOError, OSError, ValueError) as error:
        say('stdout: ' + reason(error))
        return FAILED


def _run(words):
    options = parser().parse_args(words)
    if options.status:
        if [word for word in options.command if word.startswith('-')]:
            raise Failure('usage', 'options go before LOCK', USAGE)
        from sage_flock import status
        names = [options.lock] * (options.lock is not None) + options.command
        return status.show(names, options.json)
    if options.self_test:
        if options.command:
            raise Failure('usage', '--self-test takes one folder', USAGE)
        from sage_flock import selftest
        return selftest.run(options.lock)
    lock, argv = _lock_and_command(options)
    if options.mode == 'unlock':
        lock.drop()
        if argv:
            from sage_flock import command
            command.Command(argv, {}).replace_us()
        return 0
    request = _request(lock, argv, options)
    sweep = _sweep(lock, request, options.key) if options.coalesce else None
    if options.mark is not None:
        _heed(options, sweep)
        if sweep and sweep.is_served():
            return _served(lock, sweep, request)
    hold = _take(lock, request)
    if hold is None:
        return options.conflict
    if argv:
        return _run_command(request, hold, sweep, options)
    hold.go()
    hold.end_loan(request.note)
    return 0


def _lock_and_command(options):
    """The opened lock and the argv that the options name."""
    words = options.command
    if options.shell is not None:
        raise Failure('usage', '-c goes behind LOCK', USAGE)
    if options.coalesce and (options.mode != EXCLUSIVE or not options.fork):
        raise Failure('usage', '--coalesce goes with neither -s, -u nor -F', USAGE)
    if options.mark is not None and (options.key is None or options.mode == 'unlock' or not options.fork):
        raise Failure('usage', '--mark goes with --key, and with neither -u nor -F', USAGE)
    if options.mark == '':
        raise Failure('usage', '--mark names no file', USAGE)
    if not options.fork and options.close:
        raise Failure('usage', '-F and -o together would leave nobody to hold the lock', USAGE)
    if options.fd is not None:
        if options.lock is not None:
            words = [options.lock] + words
        return files.open_descriptor(options.fd), _command(words)
    if options.lock is None:
        raise Failure('usage', "LOCK is missing (try 'sage-flock --help')", USAGE)
    if words:
        argv = _command(words)
        return sage_flock.open_named(options.lock), argv
    if not python.is_number(options.lock):
        raise Failure(options.lock, "has no command to run "
                      "(only a descriptor's number goes without one)", USAGE)
    try:
        return files.open_descriptor(_descriptor(options.lock)), []
    except argparse.ArgumentTypeError as error:
        raise Failure('usage', str(error), USAGE)


def _command(words):
    if words and words[0] in ('-c', '--command'):
        if len(words) != 2:
            raise Failure('usage', '%s takes one argument, the shell command' % words[0], USAGE)
        shell = python.getenv('SHELL') or '/bin/sh'
        return [shell, '-c', words[1]]
    return words


def _request(lock, argv, options):
    """The request.Request that the options make; what is asked is logged."""
    wait = options.wait and options.seconds != 0
    request = Request(options.mode, argv, wait, options.seconds if wait else None,
                             options.conflict, options.quiet, options.verbose)
    if python.getenv('SAGE_FLOCK_LOG'):
        from sage_flock import events
        request.note = events.log_for(lock, options.mode, quoted(argv, 200))
        request.note('asked')
    return request


def _take(lock, request):
    start = python.now() if request.verbose else 0
    try:
        hold = lock.hold(request)
    except Failure as failure:
        request.note('failed', why=str(failure))
        raise
    if hold is None:
        request.note('gave-up')
    if request.verbose:
        if hold is None:
            say('%s: not got' % lock.name)
        else:
            write(1, 'sage-flock: getting lock took %.6f seconds\n' % (python.now() - start))
    return hold


def _sweep(lock, request, key):
    """The sweeps.Sweep that this call asks for; None where there can be none."""
    from sage_flock import sweeps
    try:
        return lock.sweep(sweeps.key_for(request.command) if key is None
                          else sweeps.named_key(key))
    except (Unavailable, OSError) as why:
        if request.verbose:
            say('%s: sweeps are not coalesced: %s' % (lock.name, why))
        return None


def _heed(options, sweep):
    """Ask as of the mark that there is, or see that there is none when
    COMMAND, which will leave a new one, ends."""
    from sage_flock import sweeps
    if sweep:
        sweep.ask_as_of(options.mark)
    elif not options.coalesce:
        try:
            sweeps.remove(options.mark)
        except OSError as error:
            raise Failure(options.mark, 'the old mark cannot be removed: ' + reason(error))


def _mark(lock, request, options):
    """Mark that the command is through, while the lock is held."""
    from sage_flock import sweeps
    try:
        # One that stands there now is of who marked the same beside us, and a sweep may have begun since.
        sweeps.remove(options.mark)
        sweep = _sweep(lock, request, options.key)
        if sweep:
            sweep.mark(options.mark)
    except (Failure, OSError) as error:
        say('%s: no mark could be made: %s' % (options.mark, reason(error)))


def _served(lock, sweep, request, hold=None):
    """The exit status of a call whose `sweep` another one has done, under
    `hold` or before there was one."""
    request.note('served', key=sweep.key, sweep=sweep.number)
    if hold:
        _let_go(hold, request)
    if not request.quiet:
        say("%s: a '%s' that began after %s has succeeded: nothing to do"
            % (lock.name, quoted(request.command), sweep.since))
    return 0


def _run_command(request, hold, sweep, options):
    """Run the command under `hold`, unless a sweep has served it, and end
    like it.  Returns an exit status or does not return."""
    if hold.nested:
        sweep = None        # siblings may sweep at the same time
    if sweep and sweep.is_served():
        return _served(hold.lock, sweep, request, hold)
    from sage_flock import command
    it = None
    try:
        it = command.Command(request.command, _told(hold),
                             hold.descriptors() if options.close else ())
        if request.verbose:
            write(1, 'sage-flock: executing %s\n' % request.command[0])
        hold.go()
        if hold.nested or not (options.fork or hold.watch):
            hold.end_loan(request.note)
            it.replace_us()
        status = _supervise(it, hold, sweep, request)
        if options.mark is not None and not options.coalesce and status == 0:
            _mark(hold.lock, request, options)
    except Failure as failure:
        request.note('failed', why=str(failure))
        raise
    finally:
        _let_go(hold, request, it)
    command.end_like(status)


def _let_go(hold, request, it=None):
    """Drop the lock after the command.Command `it`, and be done with what was
    lent for it."""
    hold.is_over()
    try:
        hold.release()
        request.note('released')
        _linger(hold, it)
    except Failure as failure:
        request.note('failed', why=str(failure))
        raise
    finally:
        hold.end_loan(request.note)


def _linger(hold, it):
    """Wait, once the lock is dropped, until no job slot is lent, by us or
    under us.  Signals end this process meanwhile."""
    debts = hold.debts() if 'jobserver' in python.getenv('MAKEFLAGS') else []
    if it and (debts or hold.loan):
        it.leave_signals()
    if hold.loan:
        hold.loan.linger()
    if debts:
        from sage_flock import slots
        slots.await_marks(debts, len(hold.inherited) > 1)


def _supervise(it, hold, sweep, request):
    """Run `it`, a command.Command, under `hold`, as `sweep` if that is not None; its wait status."""
    if not sweep:
        status = it.run(hold.watch)
        request.note('ran', status=_shell_status(status))
        return status
    sweep.starts()
    status = it.run(hold.watch)
    if status == 0:
        sweep.succeeded()
    request.note('ran', status=_shell_status(status), key=sweep.key, sweep=sweep.number)
    return status


def _shell_status(status):
    return status >> 8 if status & 0x7f == 0 else 128 + (status & 0x7f)


def _told(hold):
    """The environment variables that tell the command what is held."""
    if not hold.inherited:
        return {}
    return {HELD: pass_on(hold.inherited)}


def _seconds(word):
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 1e9:
        raise argparse.ArgumentTypeError('%s is no number of seconds' % argparse.shown(word))
    return seconds


def _status(word):
    if not python.is_number(word) or int(word) > 255:
        raise argparse.ArgumentTypeError('%s is no exit status from 0 to 255' % argparse.shown(word))
    return int(word)


def _descriptor(word):
    if not python.is_number(word) or len(word) > 9:
        raise argparse.ArgumentTypeError('%s is no descriptor number' % argparse.shown(word))
    return int(word)


_USAGE = ('sage-flock [options] LOCK COMMAND [ARG...]\n'
          "       sage-flock [options] LOCK -c 'SHELL COMMAND'\n"
          '       sage-flock [options] FD\n'
          '       sage-flock [options] --fd N COMMAND [ARG...]\n'
          '       sage-flock --status [--json] [LOCK...]\n'
          '       sage-flock --self-test [FOLDER]')
_DESCRIPTION = 'Run a command under a named file lock.'
_EPILOG = """\
LOCK with a slash is a path; a bare name lives in $SAGE_LOCK_DIR, else in
$SAGE_LOCAL/var/lock, else here.  FD is a descriptor that the shell opened.

Exit status: the command's own, death by a signal included; the number of -E
when the lock was not taken in time; 2 usage; 125 sage-flock failed; 126 the
command cannot be run; 127 it was not found."""
