"""One call of sage-flock, from its words to its exit status.

    sage-flock [options] LOCK COMMAND [ARG...]
    sage-flock [options] LOCK -c 'SHELL COMMAND'
    sage-flock [options] FD
    sage-flock --status [LOCK...]

It reads top to bottom: the words, the lock, taking it, the command, the release.
"""

import posix
import sys

import sage_flock
from sage_flock import files, python
from sage_flock.messages import FAILED, NOT_FOUND, Failure, quoted, reason, say, time_limit, unexpected, write
from sage_flock.request import EXCLUSIVE, HELD, UNLOCK, Request, Unavailable, pass_on


def main(words):
    """Do what the command line `words` says, and end the process."""
    python.guard_standard_descriptors()
    try:
        status = _run(words)
    except Failure as failure:
        if not failure.is_said:
            say(str(failure) + failure.hint)
        status = failure.status
    except SystemExit as end:       # --help and --version
        status = _flushed(end.code or 0)
    except Exception as error:
        say(unexpected(error))
        status = FAILED
    posix._exit(status)


class Asked(object):
    """What a line without options asks for: most are like that, and a parser
    costs more than all the rest.  See options.parse() for the attributes."""

    mode = EXCLUSIVE
    most = seconds = fd = start = length = shell = key = mark = None
    wait = fork = True
    conflict = 1
    close = fcntl = coalesce = status = json = with_free = self_test = quiet = verbose = False
    also = ()

    def __init__(self, lock, command):
        self.lock = lock
        self.command = command


def _asked(words):
    if len(words) > 1 and words[0] and words[0][0] != '-' and words[1][:1] != '-':
        return Asked(words[0], words[1:])
    from sage_flock import options
    return options.parse(words)


def _run(words):
    """The exit status; it does not return where a command's end is passed on."""
    asked = _asked(words)
    if asked.status:
        from sage_flock import status
        return status.show(asked.names, asked.json, asked.with_free)
    if asked.self_test:
        from sage_flock import selftest
        return selftest.run(asked.lock)
    if asked.also:
        from sage_flock import several
        several.nest(asked)
    lock = sage_flock.open_named(asked.lock) if asked.fd is None else files.open_descriptor(asked.fd)
    if asked.fcntl:
        if lock.fd is None:
            raise Failure(lock.name, 'is no file, as --fcntl needs')
        from sage_flock.files import ranges
        lock = ranges.RangeLock(lock, asked.start or 0, asked.length or 0)
    if asked.mode == UNLOCK:
        return _unlock(lock, asked)
    request = _request(lock, asked, asked.mode)
    sweep = _sweep(lock, request, asked.key) if asked.coalesce else None
    if asked.mark is not None:
        _ask_as_of_mark(asked, sweep)
        if sweep and sweep.is_served():
            return _served(lock, sweep, request)
    hold = _take_several(lock, request, asked) if asked.also else _take(lock, request)
    if hold is None:
        return asked.conflict
    if asked.command:
        return _run_command(request, hold, sweep, asked)
    hold.go()
    hold.end_loan(request.note)
    return 0


# ---- The lock

def _unlock(lock, asked):
    lock.drop()
    if asked.command:
        from sage_flock import command
        command.Command(asked.command, {}).replace_us()
    return 0


def _request(lock, asked, mode):
    """The request.Request that the options make, for `lock` in that mode; what is asked is logged."""
    seconds = asked.seconds if asked.seconds is not None or not asked.wait else time_limit()
    wait = asked.wait and seconds != 0
    request = Request(mode, asked.command, wait, seconds if wait else None,
                      asked.conflict, asked.quiet, asked.verbose)
    request.most = asked.most if mode == asked.mode else None
    request.timed = wait and asked.seconds is not None
    if python.getenv('SAGE_FLOCK_LOG'):
        from sage_flock import events
        request.note = events.log_for(lock, mode, quoted(asked.command, 200), request.most)
        request.note('asked')
    return request


def _take(lock, request):
    """The request.Hold, None if it was not got in time."""
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


def _take_several(lock, request, asked):
    """Like _take(), with the locks of --also before `lock`."""
    from sage_flock import several
    locks = [(also, mode) for mode, also in several.open_all(asked.also)] + [(lock, asked.mode)]
    return several.take(locks, request, lambda lock, mode: _request(lock, asked, mode), _take)


# ---- The command

def _run_command(request, hold, sweep, asked):
    """Run the command under `hold`, unless a sweep has served it, and end
    like it.  Returns an exit status or does not return."""
    if hold.innermost.nested:
        sweep = None        # siblings may sweep at the same time
    if sweep and sweep.is_served():
        return _served(hold.lock, sweep, request, hold)
    from sage_flock import command
    it = None
    try:
        it = command.Command(request.command, _held_variable(hold),
                             hold.descriptors() if asked.close else ())
        if request.verbose:
            write(1, 'sage-flock: executing %s\n' % request.command[0])
        hold.go()
        if hold.nested or not (asked.fork or hold.watch):
            hold.end_loan(request.note)
            it.replace_us()
        status = _supervise(it, hold, sweep, request)
        if asked.mark is not None and not asked.coalesce and status == 0:
            _mark(hold.lock, request, asked)
    except Failure as failure:
        request.note('failed', why=str(failure))
        raise _with_hint(failure, asked)
    finally:
        _let_go(hold, request, it)
    command.end_like(status)


def _with_hint(failure, asked):
    """The Failure, with what to do about it if that can be told of the command that was not found."""
    if failure.status == NOT_FOUND and not failure.hint:
        from sage_flock import hints, options
        failure.hint = hints.in_brackets(
            hints.for_command(asked.command[0], asked.lock or '', options.parser().names()))
    return failure


def _held_variable(hold):
    """The environment variable that says what is held, to go to the command."""
    if not hold.inherited:
        return {}
    return {HELD: pass_on(hold.inherited)}


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


# ---- The release

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
        slots.await_debts(debts, len(hold.inherited) > 1)


# ---- Sweeps

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


def _ask_as_of_mark(asked, sweep):
    """With a sweep, ask as of the mark; otherwise delete the old mark before
    the command runs, which will leave a new one."""
    from sage_flock import sweeps
    if sweep:
        sweep.ask_as_of(asked.mark)
    elif not asked.coalesce:
        try:
            sweeps.remove(asked.mark)
        except OSError as error:
            raise Failure(asked.mark, 'the old mark cannot be removed: ' + reason(error))


def _mark(lock, request, asked):
    """Mark that the command has succeeded, while the lock is held."""
    from sage_flock import sweeps
    try:
        # One that stands there now is of who marked the same beside us, and a sweep may have begun since.
        sweeps.remove(asked.mark)
        sweep = _sweep(lock, request, asked.key)
        if sweep:
            sweep.mark(asked.mark)
    except (Failure, OSError) as error:
        say('%s: no mark could be made: %s' % (asked.mark, reason(error)))


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


def _flushed(status):
    """The exit `status`, once what was printed is out."""
    try:
        if sys.stdout:
            sys.stdout.flush()
        return status
    except (IOError, OSError, ValueError) as error:
        say('stdout: ' + reason(error))
        return FAILED
