"""The command lines of flock/cases, run with flock(1) or with sage-flock in its place, and what came of each.

    flock_diff.py record FLOCK    run them with flock(1); prints what belongs into flock/recorded
    flock_diff.py confirm FLOCK   does this flock(1) do what is recorded?
    flock_diff.py compare         does sage-flock do what is recorded, but for the differences on purpose?

Each case is a line of sh and runs three times, each time in a folder of its own: with the lock that it probes,
else x.lock, free, held shared and held exclusively by a rival.  The rival is this process, and lets go once
somebody waits for it; in a line that says `# the rival stays` it does not, and one that says `# no rival` runs
once.  A result is an exit status, what stdout said, and whether anybody waited.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from processes import ROOT, SAGE_FLOCK, TICK, Rival, Run, tidy_environment

DATA = ROOT + '/tests/flock'
STATES = (None, 'shared', 'exclusive')
ALONE, STAYS = '# no rival', '# the rival stays'
AT_A_TIME = 4

# The one who looks is this process, too: it is there already, where an interpreter would have to start.
PROBE = """#!/bin/sh
echo "$1" >ask
read -r it <answer
echo "$it"
"""


def read_cases():
    """(reasons, cases) of flock/cases: word -> reason; line -> None or (word, sage-flock's own results)."""
    reasons = {}
    cases = []
    for line in open(os.path.join(DATA, 'cases')).read().split('\n'):
        if not line or line.startswith('#'):
            continue
        if not line.startswith(' '):
            cases.append((line, None))
            continue
        word, _, rest = line.strip().partition(': ')
        if not cases:
            reasons[word] = rest
        else:
            results = rest.split(' | ')
            if len(results) == 1:
                results *= len(states_of(cases[-1][0]))
            cases[-1] = (cases[-1][0], (word, results))
    return reasons, cases


def read_record():
    """(version, line -> results) of flock/recorded."""
    lines = open(os.path.join(DATA, 'recorded')).read().split('\n')
    pairs = [line for line in lines[1:] if line and not line.startswith('#')]
    record = dict(zip(pairs[::2], [line.strip().split(' | ') for line in pairs[1::2]]))
    return lines[0].lstrip('# '), record


def states_of(line):
    return STATES[:1] if ALONE in line else STATES


def version_of(flock):
    process = subprocess.Popen([flock, '--version'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return process.communicate()[0].decode('ascii', 'replace').strip()


def run_all(lines, flock):
    """line -> its results with `flock` (the words to run it) as flock(1)."""
    scratch = tempfile.mkdtemp()
    try:
        bin_folder = os.path.join(scratch, 'bin')
        os.mkdir(bin_folder)
        write_script(bin_folder, 'probe', PROBE)
        write_script(bin_folder, 'flock', '#!/bin/sh\nexec %s "$@"\n' % ' '.join(["'%s'" % word for word in flock]))
        tidy_environment()
        os.environ['PATH'] = bin_folder + ':' + os.environ['PATH']
        results = dict((line, [None] * len(states_of(line))) for line in lines)
        todo = [(line, state) for line in lines for state in range(len(states_of(line)))]
        busy = []
        while todo or busy:
            while todo and len(busy) < AT_A_TIME:
                busy.append(Trial(todo.pop(0), os.path.join(scratch, str(len(todo)))))
            for trial in [one for one in busy if one.is_over()]:
                results[trial.line][trial.state] = trial.result()
                busy.remove(trial)
            time.sleep(TICK)
        return results
    finally:
        shutil.rmtree(scratch, True)


def write_script(folder, name, text):
    """An executable."""
    path = os.path.join(folder, name)
    script = open(path, 'w')
    script.write(text)
    script.close()
    os.chmod(path, 0x1ed)


class Trial(object):
    """One case, run with its lock in one state."""

    def __init__(self, which, folder):
        self.line, self.state = which
        os.mkdir(folder)
        os.mkdir(os.path.join(folder, 'folder'))
        for name in ('ask', 'answer', 'never', 'go', 'done'):
            os.mkfifo(os.path.join(folder, name))
        self.folder = folder
        self.asked, self.answering = [os.open(os.path.join(folder, name), os.O_RDWR | os.O_NONBLOCK)
                                      for name in ('ask', 'answer')]
        for name, text, mode in (('x.lock', '', 0x1a4), ('7', '', 0x1a4), ('read-only', '', 0x124),
                                 ('content', 'content\n', 0x1a4)):
            path = os.path.join(folder, name)
            open(path, 'w').write(text)
            os.chmod(path, mode)
        # The rival holds the lock that the line probes, if it is there already.
        probed = [name for name in re.findall('probe ([-.a-z0-9]+)', self.line)
                  if os.path.exists(os.path.join(folder, name))]
        self.rival = Rival(os.path.join(folder, (probed + ['x.lock'])[0]), STATES[self.state])
        self.stays = STAYS in self.line
        self.waited = False
        self.run = Run(['sh', '-c', self.line], folder)

    def is_over(self):
        """Has it ended?  Looks at locks when asked, and lets the rival go when it is due."""
        if self.run.is_over() or self.run.hangs():
            return True
        try:
            for name in os.read(self.asked, 999).decode('ascii').split('\n')[:-1]:
                os.write(self.answering, (seen_by_bystander(os.path.join(self.folder, name)) + '\n').encode('ascii'))
        except OSError:         # nobody asks
            pass
        if self.rival.held and not self.stays and self.rival.is_waited_for():
            self.waited = True
            self.rival.let_go()
        return False

    def result(self):
        """Its result in words."""
        if self.run.hangs():
            words = 'hangs'
        elif self.run.status < 0:
            words = 'signal %d' % -self.run.status
        else:
            words = str(self.run.status)
        self.run.end()
        self.rival.let_go()
        said = self.run.said(1).decode('ascii', 'replace')
        said = re.sub(r'took [0-9.]+ seconds', 'took N seconds', said).rstrip('\n')
        self.run.forget()
        os.close(self.asked)
        os.close(self.answering)
        if said:
            words += ' says ' + said.replace('\n', '; ')
        return 'waits, ' + words if self.waited else words


def seen_by_bystander(path):
    """Who gets the lock of the file at once?  Nobody: it is held exclusively."""
    fd = os.open(path, os.O_RDONLY)
    try:
        for operation, seen in (fcntl.LOCK_EX, 'free'), (fcntl.LOCK_SH, 'shared'):
            try:
                fcntl.flock(fd, operation | fcntl.LOCK_NB)
                return seen
            except EnvironmentError:
                pass
        return 'exclusive'
    finally:
        os.close(fd)


def record(flock):
    """Print what flock(1) does, in the form of flock/recorded."""
    lines = [line for line, _ in read_cases()[1]]
    results = run_all(lines, [flock])
    print('# ' + version_of(flock))
    print('# What it does with each line of cases: its lock free | held shared | held exclusively.  Made by')
    print('# flock_diff.py record; do not edit.')
    for line in lines:
        print(line + '\n  ' + ' | '.join(results[line]))
    return 0


def confirm(flock):
    """Is the record still true of this flock(1)?"""
    recorded = read_record()[1]
    return tell_wrong([(line, recorded.get(line), found)
                       for line, found in run_all(sorted(recorded), [flock]).items()])


def compare():
    """Does sage-flock do what is recorded or, where it differs on purpose, what is promised?"""
    reasons, cases = read_cases()
    recorded = read_record()[1]
    found = run_all([line for line, _ in cases], SAGE_FLOCK)
    faults = []
    for line, difference in cases:
        wanted = recorded.get(line)
        if difference:
            word, own = difference
            if own == wanted or word not in reasons:
                print('no difference, or no reason for it: ' + line)
                faults.append((line, own, wanted))
            wanted = own
        faults.append((line, wanted, found[line]))
    return tell_wrong(faults)


def tell_wrong(triples):
    """Print which results are not the wanted ones; the exit status."""
    wrong = [one for one in triples if one[1] != one[2]]
    for line, wanted, found in wrong:
        wanted = wanted or ['not recorded']
        print('%s\n  should be  %s\n  is         %s' % (line, ' | '.join(wanted), ' | '.join(found)))
    print('%d command lines, %d wrong' % (len(triples), len(wrong)))
    return min(1, len(wrong))


if __name__ == '__main__':
    sys.exit({'record': record, 'confirm': confirm, 'compare': compare}[sys.argv[1]](*sys.argv[2:]))
