"""A signal at each system call of a wrapper, one run per call: none may be lost or end in a traceback.

    moments.py [--signals=INT,TERM] [--every=1] [--workers=2]

strace(1) records the system calls of one run.  Then sage-flock is run once for each of them from the start of its own
code on, and strace sends it the signal as it enters that call.  Until the command has ended, the signal must kill the
command, or keep it from starting, and the wrapper must die in the same way; after that the command's status counts.  A
signal from strace looks like one from the terminal, so INT and QUIT are passed on only before the command is there.

Status 77 if there is no strace, or it may not be used.  The interpreter under test is PYTHON.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from processes import SAGE_FLOCK, TICK, Run, tidy_environment

COMMAND = ['sh', '-c', 'echo in >>"$0"; sleep 0.15; echo out >>"$0"']
CALL = re.compile(r'^(?:\d+ +)?(\w+)\((.*)$')


def main(signals='INT,TERM', every='1', workers='2'):
    folder = tempfile.mkdtemp()
    tidy_environment()
    try:
        calls = calls_of_one_run(folder)
        if not calls:
            print('strace may not be used here')
            return 77
        first, born, ended = landmarks(calls)
        faults, tried = [], 0
        for name in signals.split(','):
            todo = [i for i in range(first, len(calls)) if calls[i][0] and not (i - first) % int(every)]
            tried += len(todo)
            threads = [threading.Thread(target=work, args=(folder, name, calls, todo, born, ended, faults, number))
                       for number in range(int(workers))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        print('%d signals at %d system calls; the command is there after %d and has ended at %d' % (
            tried, len(calls) - first, born - first, ended - first))
        for fault in faults:
            print('FAULT: ' + fault)
        return min(1, len(faults))
    finally:
        shutil.rmtree(folder, True)


def traced(folder, number, options):
    """sage-flock under strace: its status, what it and its command said, strace's own account."""
    marks = os.path.join(folder, 'marks%d' % number)
    account = os.path.join(folder, 'account%d' % number)
    open(marks, 'w').close()
    run = Run(['strace', '-q', '-o', account] + options + SAGE_FLOCK + ['lock%d' % number] + COMMAND + [marks], folder)
    while not run.is_over() and not run.hangs():
        threading.Event().wait(TICK)
    status = run.status
    run.end()
    said = run.said(2)
    run.forget()
    return status, said, open(marks).read().split(), open(account).read()


def calls_of_one_run(folder):
    """The system calls as (name, how often it was called up to then, the line), [] without strace."""
    try:
        if subprocess.call(['strace', '-o', os.devnull, 'true'], stderr=open(os.devnull, 'w')):
            return []
    except OSError:
        return []
    traced(folder, 0, [])           # leaves the folders there, as any but the first call finds them
    calls, count = [], {}
    for line in traced(folder, 0, [])[3].split('\n'):
        if line.startswith('--- SIGCHLD'):
            calls.append(('', 0, line))
        match = CALL.match(line)
        if match:
            name = match.group(1)
            count[name] = count.get(name, 0) + 1
            calls.append((name, count[name], line))
    return calls


def landmarks(calls):
    """Where our code begins, where the command is there, and where the wrapper hears that it has ended."""
    lines = [line for _, _, line in calls]
    first = max(i for i, line in enumerate(lines) if 'build/bin/sage-flock"' in line and 'open' in line)
    first = min(i for i in range(first, len(lines))
                if lines[i].startswith('rt_sigaction(SIGINT, {sa_handler=SIG_DFL'))
    born = max(i for i, line in enumerate(lines) if re.match(r'(v?fork|clone3?)\(', line))
    ended = min(i for i, line in enumerate(lines) if i > born and re.match(r'wait4\(.* = [1-9]|--- SIGCHLD', line))
    return first, born, ended


def work(folder, name, calls, todo, born, ended, faults, number):
    number += 1
    traced(folder, number, [])
    while True:
        try:
            i = todo.pop(0)
        except IndexError:
            return
        call, count, line = calls[i]
        status, said, marks, account = traced(
            folder, number, ['-e', 'trace=' + call, '-e', 'inject=%s:signal=%s:when=%d' % (call, name, count)])
        what = '%s at %s (%d of %d, %s)' % (name, call, i, len(calls), line[:60])
        dies = (status, marks) in [(-getattr(signal, 'SIG' + name), []), (-getattr(signal, 'SIG' + name), ['in'])]
        lives = (status, marks) == (0, ['in', 'out'])
        if len(re.findall('^%s[(]' % call, account, re.M)) < count:
            faults.append(what + ': it was never sent')
        # The terminal's goes to the command by itself once that is there; around its start either will do.
        if not (dies and i < ended or lives and (i > born and name != 'TERM' or i >= ended)):
            faults.append('%s: ended with %s, the command said %s' % (what, status, marks))
        if said:
            faults.append('%s: said %r' % (what, said[-300:]))


if __name__ == '__main__':
    sys.exit(main(**dict([word.lstrip('-').split('=') for word in sys.argv[1:]])))
