"""What a lock on etcd costs, next to `etcdctl lock`.

    etcd_bench.py [--times=30] [--waiters=50]

One server on loopback.  Said are the milliseconds of an uncontended lock around `true`, of that command alone, and of a
hand-over among so many waiters in line, each the same for both; and what becomes of a command's exit status 7.
The interpreter is PYTHON.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import etcd_servers

TESTS = os.path.dirname(os.path.abspath(__file__))
SAGE_FLOCK = os.path.join(os.path.dirname(TESTS), 'build', 'bin', 'sage-flock')
PYTHON = os.environ.get('PYTHON') or sys.executable

now = getattr(time, 'monotonic', time.time)


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


def once(argv, environment):
    start = now()
    subprocess.call(argv, env=environment)
    return (now() - start) * 1000


def uncontended(lockers, environment, times):
    spent = dict([(name, []) for name in lockers])
    for _ in range(times):      # by turns, so that whatever else goes on meets both
        for name, argv in lockers.items():
            spent[name].append(once(argv + ['true'], environment))
    return dict([(name, median(numbers)) for name, numbers in spent.items()])


def hand_over(argv, environment, waiters, queued, gate):
    """Milliseconds from the holder's end to the last waiter's, for each."""
    holder = subprocess.Popen(argv + ['sh', '-c', 'read -r _ <' + gate], env=environment)
    while queued() < 1:
        time.sleep(0.05)
    line = [subprocess.Popen(argv + ['true'], env=environment) for _ in range(waiters)]
    while queued() < waiters + 1:
        time.sleep(0.05)
    time.sleep(1)
    start = now()
    open(gate, 'w').close()
    for process in line:
        process.wait()
    holder.wait()
    return (now() - start) * 1000 / waiters


def main(*options):
    given = dict([option.lstrip('-').partition('=')[::2] for option in options])
    folder = tempfile.mkdtemp()
    cluster = etcd_servers.Cluster(folder)
    try:
        cluster.start()
        os.mkfifo(folder + '/gate')
        environment = dict(os.environ, ETCDCTL_API='3', SAGE_LOCK_DIR='etcd://%s/bench' % cluster.address)
        lockers = {'sage-flock': [PYTHON, '-S', '-E', SAGE_FLOCK, '-q', 'x.lock'],
                   'etcdctl lock': ['etcdctl', '--endpoints', cluster.address, 'lock', '--', '/other']}
        for name, spent in sorted(uncontended(lockers, environment, int(given.get('times', 30))).items()):
            print('%s, uncontended: %.1f ms' % (name, spent))
        print('the interpreter alone: %.1f ms' % median([once([PYTHON, '-S', '-E', '-c', ''], environment)
                                                         for _ in range(10)]))

        def leases():
            return len(etcd_servers.post(cluster.clients[0], '/v3/lease/leases', {}, 5).get('leases', []))

        for name, argv in sorted(lockers.items()):
            waiters = int(given.get('waiters', 50))
            print('%s, %d waiters: %.1f ms for each hand-over' % (
                name, waiters, hand_over(argv, environment, waiters, leases, folder + '/gate')))
        for name, argv in sorted(lockers.items()):
            print("%s: a command's exit status 7 becomes %d" % (name, subprocess.call(
                argv + ['sh', '-c', 'exit 7'], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)))
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


main(*sys.argv[1:])
