"""The command line of sage-flock-report: a log in, a report out."""

import json
import posix
import sys

from sage_flock import python, terminal
from sage_flock.report import log
from sage_bootstrap.compat import argparse
from sage_flock.messages import FAILED, USAGE, Failure, printable, reason, write


class _Parser(argparse.ArgumentParser):

    def error(self, message):
        raise Failure('usage', message + " (try 'sage-flock-report --help')", USAGE)


def parser():
    """The command line's argparse parser."""
    it = _Parser(prog='sage-flock-report', usage='sage-flock-report [options] FILE',
                 description=_DESCRIPTION, epilog=_EPILOG,
                 formatter_class=argparse.RawDescriptionHelpFormatter)
    it.add_argument('--html', metavar='OUT',
                    help='write a timeline to OUT, one page that needs no network')
    it.add_argument('--trace', metavar='OUT',
                    help='write OUT in the Chrome trace event format, for Perfetto')
    it.add_argument('--last', action='store_true',
                    help='if FILE holds several builds, show the last')
    it.add_argument('-q', '--quiet', action='store_true', help='print no report')
    it.add_argument('-V', '--version', action='version', version='sage-flock-report 1.0',
                    help='print the version')
    it.add_argument('file', metavar='FILE', help=argparse.SUPPRESS)
    return it


def main(words):
    """Do what the command line `words` says, and end the process."""
    python.guard_standard_descriptors()
    try:
        status = _run(parser().parse_args(words))
    except Failure as failure:
        write(2, 'sage-flock-report: %s\n' % printable(str(failure)))
        status = failure.status
    except MemoryError:
        write(2, 'sage-flock-report: memory: none left\n')
        status = FAILED
    posix._exit(status)


def _run(options):
    found = log.read(_lines(options.file))
    if not found.calls:
        raise Failure(options.file, 'no event of a lock in it')
    if options.last:
        found = log.last_build(found)
    if options.html is not None:
        from sage_flock.report import page
        _save(options.html, page.page(found, options.file))
    if options.trace is not None:
        from sage_flock.report import trace
        _save(options.trace, json.dumps(trace.trace(found)) + '\n')
    if not options.quiet:
        from sage_flock.report import text
        lines = text.text(found, max(60, terminal.columns(1) or 100), terminal.has_colours(1))
        if python.PY3:        # the log may hold characters that this locale cannot encode
            lines = lines.encode(sys.getfilesystemencoding(), 'backslashreplace')
        if not write(1, lines):
            raise Failure('output', 'cannot be written')
    return 0


def _lines(path):
    """The lines of the file `path` as bytes; `-` is stdin."""
    try:
        stream = open('/dev/stdin' if path == '-' else path, 'rb')
        try:
            return stream.readlines()
        finally:
            stream.close()
    except (EnvironmentError, ValueError, TypeError) as error:
        raise Failure(path or "''", reason(error))


def _save(path, text):
    """Write `text`, which is ASCII, to the file `path`."""
    try:
        stream = open(path, 'wb')
        try:
            stream.write(text.encode('ascii'))
        finally:
            stream.close()
    except (EnvironmentError, ValueError, TypeError) as error:
        raise Failure(path or "''", reason(error))


_DESCRIPTION = """\
Show where a build waited for locks: who, for whom, how long, and at what cost.
FILE is the log that SAGE_FLOCK_LOG named during the build; - is stdin."""
_EPILOG = """\
Times are in seconds.  A wait costs the build nothing if its job slot was lent;
otherwise it is lost time.

Exit status: 0; 2 usage; 125 FILE cannot be read or holds no event, or OUT
cannot be written."""
