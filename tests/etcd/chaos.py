"""One lock on a cluster of three servers, while servers fail.

    chaos.py [--rounds=200] [--workers=6] [--lease=5] [--pause=7] [--shared=0.3] [--seed=N] [--quiet-servers]

The workers take and drop one lock, over and over, until together they have been inside --rounds times.  Meanwhile, over
and over, the leader is stopped for --pause seconds and continued, and a member is killed and restarted.  A witness
(witness.py) under the lock notes which are inside together.  It fails if two were that exclude each other, if a worker
is stuck, or if a command or its wrapper ends as it should not.  Printed at the end: the number of rounds, how many of
them lost the lock and were stopped, and how long nobody came in while the leader was paused or a member was killed.

The interpreter under test is PYTHON.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import servers

ROOT = os.path.abspath(__file__).rpartition('/tests/')[0]
SAGE_FLOCK = ROOT + '/build/bin/sage-flock'
PYTHON = os.environ.get('PYTHON') or sys.executable
STUCK = 60          # seconds without anybody coming in

now = getattr(time, 'monotonic', time.time)


class Chaos(object):

    def __init__(self, folder, given):
        self.folder = folder
        self.rounds = int(given.get('rounds', 200))
        self.workers = int(given.get('workers', 6))
        self.pause = float(given.get('pause', 7))
        self.shared = float(given.get('shared', 0.3))
        self.quiet = 'quiet-servers' in given
        self.random = random.Random(int(given.get('seed', time.time())))
        self.cluster = servers.Cluster(folder, 3)
        self.environment = dict(os.environ, SAGE_FLOCK_LEASE=given.get('lease', '5'))
        self.entered = []       # when somebody was inside
        self.troubles = []
        self.lost = 0
        self.gaps = {}
        self.over = threading.Event()

    def run(self):
        self.cluster.start()
        self.environment['SAGE_LOCK_DIR'] = 'etcd://%s/chaos' % self.cluster.address
        for name in 'log', 'witness':
            open(os.path.join(self.folder, name), 'w').close()
        threads = [threading.Thread(target=self.work, args=(i,)) for i in range(self.workers)]
        for thread in threads:
            thread.start()
        self.trouble_servers()
        self.over.set()
        for thread in threads:
            thread.join()
        return self.report()

    def work(self, number):
        chance = random.Random(self.random.random())
        while not self.over.is_set():
            mode = 'shared' if chance.random() < self.shared else 'exclusive'
            command = [PYTHON, '-S', '-E', SAGE_FLOCK, '-q', '--' + mode, 'x.lock', PYTHON, '-S', '-E',
                       ROOT + '/tests/drivers/witness.py', self.folder, mode, '%.3f' % chance.uniform(0, 0.1)]
            process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
            said = process.communicate()[0].decode('utf-8', 'replace').strip()
            if process.returncode == 0 and not said:
                self.entered.append(now())
            elif process.returncode == 125 and 'lost while the command ran' in said:
                self.lost += 1
            else:
                self.troubles.append('%d: %s' % (process.returncode, said))

    def trouble_servers(self):
        began = now()
        what = self.pause_leader
        while len(self.entered) < self.rounds and not self.is_stuck(began):
            if self.quiet:
                self.over.wait(0.2)
                continue
            before = len(self.entered)
            while len(self.entered) < before + 5 and not self.is_stuck(began):
                time.sleep(0.05)
            start = now()
            what()
            self.gaps.setdefault(what.__name__.replace('_', ' '), []).append(self.longest_gap(start))
            what = self.kill_member if what == self.pause_leader else self.pause_leader

    def is_stuck(self, began):
        if now() - (self.entered[-1] if self.entered else began) < STUCK:
            return False
        self.troubles.append('stuck: nobody came in for %d s' % STUCK)
        return True

    def pause_leader(self):
        leader = self.cluster.leader()
        self.cluster.send(leader, signal.SIGSTOP)
        time.sleep(self.pause)
        self.cluster.send(leader, signal.SIGCONT)
        time.sleep(1)

    def kill_member(self):
        member = self.random.randrange(3)
        self.cluster.send(member, signal.SIGKILL)
        time.sleep(2)
        self.cluster.start([member])

    def longest_gap(self, start):
        times = [one for one in self.entered if one < start][-1:] + [one for one in self.entered if one >= start]
        times = (times or [start]) + [now()]
        return max([after - before for before, after in zip(times, times[1:])])

    def report(self):
        with open(os.path.join(self.folder, 'log')) as f:
            together = len([line for line in f if line.startswith('together')])
        print('%d rounds, %d together, %d lost and stopped, %d troubles' % (
            len(self.entered), together, self.lost, len(self.troubles)))
        for what, gaps in sorted(self.gaps.items()):
            print('%s, %d times: nobody came in for %s s' % (
                what, len(gaps), ', '.join(['%.1f' % gap for gap in gaps])))
        for trouble in self.troubles[:10]:
            print(trouble)
        return 1 if together or self.troubles else 0


def main(*options):
    given = dict([option.lstrip('-').partition('=')[::2] for option in options])
    folder = tempfile.mkdtemp()
    chaos = Chaos(folder, given)
    try:
        return chaos.run()
    finally:
        chaos.over.set()
        chaos.cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main(*sys.argv[1:]))
