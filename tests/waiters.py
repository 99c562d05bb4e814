"""What a crowd of waiters costs: processor time, memory, and each hand-over, beside flock(1).

    waiters.py [--count=200] [--seconds=3]

So many wait for one lock with `true` as their command.  While they wait their processor time and memory are
read from /proc (Linux); then the lock is let go, and the time until the last of them has ended, by the number
of them, is what one hand-over costs.  Last, a daemon of 5 s is left behind, and the next one's delay is taken.
The interpreter under test is PYTHON.
"""

import os
import shutil
import sys
import tempfile
import time

import runs


def cpu_ticks(pid):
    """Processor time of a process and its threads so far, in clock ticks."""
    fields = open('/proc/%d/stat' % pid).read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def memory(pid):
    """(what it has for itself, its fair share of all) in KiB."""
    kinds = {}
    for line in open('/proc/%d/smaps_rollup' % pid).read().split('\n')[1:-1]:
        words = line.split()
        kinds[words[0]] = int(words[1])
    return kinds['Private_Clean:'] + kinds['Private_Dirty:'], kinds['Pss:']


def is_blocked(pid):
    """Does the process sleep in flock(2)?"""
    try:
        return b'flock' in open('/proc/%d/wchan' % pid, 'rb').read() or waits_in_list(pid)
    except EnvironmentError:
        return False


def waits_in_list(pid):
    return [1 for line in open('/proc/locks') if line.split()[1:3] == ['->', 'FLOCK'] and line.split()[5] == '%d' % pid]


def settle(waiting):
    """Let the last of them be done with its preparations."""
    before = None
    still = 0
    end = runs.now() + 2 * runs.PATIENCE
    while still < 3 and runs.now() < end:
        time.sleep(1)
        ticks = sum([cpu_ticks(one.pid) for one in waiting])
        still = still + 1 if ticks == before else 0
        before = ticks


def crowd(words, count, seconds):
    """Measure a crowd of those who run `words` LOCK true."""
    folder = tempfile.mkdtemp()
    try:
        lock = os.path.join(folder, 'x.lock')
        open(lock, 'w').close()
        rival = runs.Rival(lock, 'exclusive')
        environment = runs.clean_environment()
        waiting = [runs.Run(words + ['x.lock', 'true'], folder, environment) for _ in range(count)]
        for one in waiting:
            while not is_blocked(one.pid):
                time.sleep(0.005)
        settle(waiting)
        before = [cpu_ticks(one.pid) for one in waiting]
        time.sleep(float(seconds))
        used = sum([cpu_ticks(one.pid) for one in waiting]) - sum(before)
        sizes = [memory(one.pid) for one in waiting]
        began = runs.now()
        rival.let_go()
        for one in waiting:
            while not one.is_over():
                time.sleep(0.0005)
        took = runs.now() - began
        wrong = len([one for one in waiting if one.status != 0])
        for one in waiting:
            one.forget()
        print('%-10s %d waiters: %d ticks of processor time in %s s; each %.1f MiB of its own, %.1f MiB as its share; '
              '%.2f ms a hand-over; %d failed' % (
                  os.path.basename(words[-1]), count, used, seconds, sum([s[0] for s in sizes]) / 1024.0 / count,
                  sum([s[1] for s in sizes]) / 1024.0 / count, took * 1000 / count, wrong))
    finally:
        shutil.rmtree(folder, True)


def daemon(words):
    """How long the next one waits behind a daemon of 5 s that a command left."""
    folder = tempfile.mkdtemp()
    try:
        environment = runs.clean_environment()
        first = runs.Run(words + ['x.lock', 'sh', '-c', 'sleep 5 & :'], folder, environment)
        while not first.is_over():
            time.sleep(0.0005)
        began = runs.now()
        second = runs.Run(words + ['x.lock', 'true'], folder, environment)
        while not second.is_over():
            time.sleep(0.0005)
        print('%-10s behind a daemon of 5 s: start, lock and end took %.3f s' % (os.path.basename(words[-1]),
                                                                               runs.now() - began))
        for one in first, second:
            one.end()
            one.forget()
    finally:
        shutil.rmtree(folder, True)


def main(count='200', seconds='3'):
    for words in ['flock'], runs.sage_flock():
        crowd(words, int(count), seconds)
        daemon(words)


if __name__ == '__main__':
    main(**dict([word.lstrip('-').split('=') for word in sys.argv[1:]]))
