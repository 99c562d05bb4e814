"""What locks cost: sage-flock beside flock(1), and beside nothing at all.

Times depend on the machine and its load; ratios, taken side by side, less so.
A bound is the least time possible with at most one job beyond -j, and that one
under a lock: the free work divided by the slots, or the locked work one after
the other, whichever is longer.
"""

import json
import os
import shutil
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[1:1] = [TESTS + '/drivers', TESTS + '/etcd']

import builds                                                               # noqa
import servers                                                              # noqa
from builds import OURS, STRANGER, UNLOCKED                                 # noqa
from processes import ROOT, Children, Wrong, adopt_orphans, now             # noqa

SAGE_FLOCK = ROOT + '/build/bin/sage-flock'
FLOCK = 'flock'


def main(words):
    quick = words == ['quick']
    if words and not quick:
        sys.stderr.write("tests/bench: takes no words but 'quick'\n")
        return 2
    if not adopt_orphans():
        sys.stderr.write('tests/bench: needs Linux\n')
        return 1
    if not on_path(FLOCK):
        sys.stderr.write('tests/bench: no flock(1) to compare with\n')
        return 1
    print('Load average at the start: %s' % ', '.join(['%.1f' % load for load in os.getloadavg()]))
    uncontended(15 if quick else 60)
    hand_over(10 if quick else 30)
    on_etcd(5 if quick else 30, 10 if quick else 30)
    sweeps(10, 0.5, 0.25) if quick else sweeps(40, 2.0, 1.0)
    build_table(0.1 if quick else 0.5)
    chain_table(0.1 if quick else 0.25)
    unequal_table(0.1 if quick else 1.0)
    kit(0.25 if quick else 1.0)
    packages([20, 60] if quick else [100, 300])
    return 0


# ---- What there is

def on_path(name):
    for folder in os.environ['PATH'].split(':'):
        if os.access(folder + '/' + name, os.X_OK):
            return folder + '/' + name
    return None


def found(kind):
    """[(version, path)] of the `pythons` or `makes` that bench/run found, oldest first."""
    with open(kind) as file:
        lines = [line.rstrip('\n').split('\t') for line in file]
    return sorted([tuple(line) for line in lines], key=lambda line: [int(part) for part in line[0].split('.') if part.isdigit()])


def output_of(argv):
    try:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except EnvironmentError:
        return ''
    return process.communicate()[0].decode('ascii', 'replace')


# ---- One lock, nobody else

def uncontended(runs):
    title('Taking a lock that nobody else wants',
          'milliseconds, medians of %d; `floor` is `python -S -E -c pass` + `true`' % runs)
    flock, true = usual_times([[FLOCK, 'x.lock', 'true'], ['true']], runs)
    row('', 'sage-flock', 'floor', 'ratio', 'above floor')
    row('flock(1)', ms(flock), '', '', '')
    for version, python in found('pythons'):
        ours, bare = usual_times([[python, '-S', '-E', SAGE_FLOCK, 'x.lock', 'true'],
                                 [python, '-S', '-E', '-c', 'pass']], runs)
        floor = bare + true
        row(version, ms(ours), ms(floor), '%.2f' % (ours / floor), ms(ours - floor))


def usual_times(commands, runs):
    """Seconds that each command takes; by hyperfine, if there is one."""
    if on_path('hyperfine'):
        argv = ['hyperfine', '-N', '--style=none', '--warmup=3', '--runs=%d' % runs, '--export-json=times.json']
        output_of(argv + [' '.join(command) for command in commands])
        with open('times.json') as file:
            return [result['median'] for result in json.load(file)['results']]
    times = [[] for _ in commands]
    for _ in range(runs):               # turn and turn about
        for taken, command in zip(times, commands):
            began = now()
            subprocess.call(command)
            taken.append(now() - began)
    return [sorted(taken)[runs // 2] for taken in times]


# ---- One lock, many who want it

def hand_over(waiters):
    title('From one holder to the next', 'milliseconds for each of %d waiters, the command (`true`) included' % waiters)
    for name, argv in (('flock(1)', [FLOCK, 'x.lock']), ('sage-flock', ours_argv('x.lock'))):
        row(name, ms(_hand_over(argv, waiters)))


def ours_argv(*words):
    return [os.environ['PYTHON'], '-S', '-E', SAGE_FLOCK] + list(words)


def _hand_over(argv, waiters):
    gate, opening = os.pipe()
    ear, mouth = os.pipe()
    quiet = os.open(os.devnull, os.O_WRONLY)
    children = Children()
    pids = [children.spawn(argv + ['sh', '-c', 'echo in; read -r _ <&7'], descriptors={1: mouth, 2: quiet, 7: gate})]
    os.read(ear, 9)
    for _ in range(waiters):
        pids.append(children.spawn(argv + ['true'], descriptors={1: quiet, 2: quiet}))
    time.sleep(0.5 + 0.05 * waiters)        # until all wait
    began = now()
    os.close(opening)
    for pid in pids:
        children.until(pid)
    took = now() - began
    for fd in gate, ear, mouth, quiet:
        os.close(fd)
    return took / waiters


def on_etcd(runs, waiters):
    if not on_path('etcd'):
        return
    title('The same on etcd, with one server on this machine',
          'milliseconds, medians of %d, the command (`true`) included; and for each of %d waiters' % (runs, waiters))
    row('', 'uncontended', 'hand-over')
    os.mkdir('etcd')
    cluster = servers.Cluster('etcd')
    try:
        cluster.start()
        lockers = [('sage-flock', ours_argv('etcd://%s/bench/x.lock' % cluster.address))]
        if on_path('etcdctl'):
            lockers.append(('etcdctl lock', ['etcdctl', '--endpoints', cluster.address, 'lock', '--', '/x.lock']))
        times = usual_times([argv + ['true'] for _, argv in lockers], runs)
        for (name, argv), taken in zip(lockers, times):
            row(name, ms(taken), ms(_hand_over(argv, waiters)))
    finally:
        cluster.stop()


# ---- Sweeps

def sweeps(requesters, within, seconds):
    title('%d requesters within %g s of a sweep of %g s' % (requesters, within, seconds), '')
    row('', 'sweeps', 'seconds', 'ratio')
    first = None
    for name, argv in (('flock(1)', [FLOCK, 'sweep.lock']),
                       ('--coalesce', ours_argv('-q', '--coalesce', '--key', 'sweep', 'sweep.lock'))):
        runs, took = _sweeps(argv, requesters, within, seconds)
        first = first or took
        row(name, '%d' % runs, '%.2f' % took, '%.2f' % (took / first))


def _sweeps(argv, requesters, within, seconds):
    open('swept', 'w').close()
    children = Children()
    began = now()
    for at in range(requesters):
        time.sleep(max(0, began + within * at / requesters - now()))
        children.spawn(argv + ['sh', '-c', 'echo >>swept; exec sleep %g' % seconds])
    _patient(children)
    return os.path.getsize('swept'), now() - began


def _patient(children):
    """All end, however long it takes."""
    while True:
        try:
            children.all_end()
            return
        except Wrong:           # nothing has ended for a while
            pass


# ---- Builds

def build_table(seconds):
    title('A build of jobs of %g s, locked ones and then free ones' % seconds,
          'seconds; most: jobs ever at work at once, and slot-seconds beyond -j, both through sage-flock')
    row('', 'bound', 'flock(1)', 'no lending', 'sage-flock', 'of bound', 'most', 'excess')
    for version, make in found('makes'):
        for slots, locked, free in ((2, 8, 24), (4, 16, 48), (8, 8, 24)):
            bound = max(locked * seconds, free * seconds / slots)
            flock = builds.package_build(make, slots, locked, free, seconds, STRANGER)
            keep = builds.package_build(make, slots, locked, free, seconds, OURS, {'SAGE_FLOCK_KEEP_SLOT': '1'})
            _build_row('make %s -j%d, %d + %d' % (version, slots, locked, free), bound, flock, keep,
                       builds.package_build(make, slots, locked, free, seconds, OURS))
            if not version.startswith(('3.', '4.0', '4.1', '4.2', '4.3')):
                _build_row('  without `+`', bound, None, None,
                           builds.package_build(make, slots, locked, free, seconds, OURS, plus=''))


def _build_row(name, bound, flock, keep, ours):
    row(name, '%.2f' % bound, flock and '%.2f' % flock.seconds, keep and '%.2f' % keep.seconds, '%.2f' % ours.seconds,
        '%.3f' % (ours.seconds / bound), '%d' % ours.most, '%.2f' % ours.excess)


def chain_table(seconds):
    title('8 locked jobs at -j4, a chain of 6 free ones behind each',
          'seconds; jobs of %g s; of bound, most and excess: those of sage-flock' % seconds)
    row('', 'no locks', 'bound', 'flock(1)', 'no lending', 'sage-flock', 'of bound', 'most', 'excess')
    bound = chain_bound(4, 8, 6) * seconds
    for version, make in found('makes'):
        runs = [builds.chains(make, prefix, seconds, environment=environment) for prefix, environment in (
            (UNLOCKED, {}), (STRANGER, {}), (OURS, {'SAGE_FLOCK_KEEP_SLOT': '1'}), (OURS, {}))]
        ours = runs[-1]
        times = ['%.2f' % run.seconds for run in runs]
        row('make ' + version, times[0], '%.2f' % bound, times[1], times[2], times[3],
            '%.3f' % (ours.seconds / bound), '%d' % ours.most, '%.2f' % ours.excess)


def unequal_table(scale):
    title('Builds of jobs of unequal length',
          'seconds; at least: the work divided by the slots; most and slot-seconds beyond -j: those of the column before')
    row('', 'at least', 'sage-flock', 'most', 'excess', 'strict', 'most', 'excess')
    for version, make in found('makes'):
        for name in ('herd', 'dozen', 'short'):
            ours, least, _ = builds.unequal_build(make, name, scale)
            strict, _, _ = builds.unequal_build(make, name, scale, {'SAGE_FLOCK_OVERDRAFT': '0'})
            row('make %s -j%d, %s' % (version, builds.UNEQUAL[name][0], name), '%.2f' % least, '%.2f' % ours.seconds,
                '%d' % ours.most, '%.2f' % ours.excess, '%.2f' % strict.seconds, '%d' % strict.most,
                '%.2f' % strict.excess)


def chain_bound(slots, locked, length):
    """How many jobs' time `locked` jobs, one after the other, and the chains
    behind them take at least: whoever has most before it goes first."""
    chains = []
    rounds = 0
    while locked or chains:
        rounds += 1
        chains.sort(reverse=True)
        free = slots            # the locked one is the one beyond
        chains = [left - 1 for left in chains[:free] if left > 1] + chains[free:]
        if locked:
            locked -= 1
            chains.append(length)
    return rounds


# ---- The kit

def kit(seconds):
    title('The default packages at -j8, a rebase of %g s after each' % seconds, '')
    row('', 'rebases', 'seconds', 'ratio')
    first = None
    for name in ('flock(1)', 'sage-flock'):
        rebases, took = _kit(name, seconds)
        first = first or took
        row(name, '%d' % rebases, '%.2f' % took, '%.2f' % (took / first))


def _kit(name, seconds):
    folder = os.path.abspath('kit-' + name.strip('()1'))
    shutil.copytree(ROOT + '/build', folder + '/build', symlinks=True)
    os.makedirs(folder + '/local/var/lock')
    environment = dict(os.environ)
    if name != 'sage-flock':
        shutil.copyfile(ROOT + '/tests/drivers/stand-in.py', folder + '/build/bin/sage-flock')
        environment['STAND_IN'] = 'flock'
    with open(folder + '/rebase', 'w') as file:
        file.write('echo >>"$0.runs"; exec sleep %g\n' % seconds)
    began = now()
    make = subprocess.Popen(['make', '-j8', '-C', folder + '/build/make', 'SAGE_REBASE=sh %s/rebase' % folder],
                            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = make.communicate()[0].decode('utf-8', 'replace')
    took = now() - began
    if make.returncode:
        raise Wrong('the kit is built: ' + output[-2000:])
    return os.path.getsize(folder + '/rebase.runs'), took


# ---- The package rules

def packages(counts):
    title('Trivial packages at -j4, ms each, and a make that has nothing to do, ms', '')
    row('packages', 'by hand', 'the rules', 'nothing', '-n')
    for count in counts:
        folder = os.path.abspath('packages-%d' % count)
        _trivial_packages(folder, count)
        environment = dict(os.environ, SAGE_PKGS=folder + '/pkgs', SAGE_LOCAL=folder + '/tree')
        rules = ['make', '-j4', '-f', ROOT + '/build/make/Makefile']
        took = [_timed(words, environment) for words in (['make', '-j4', '-f', folder + '/Makefile', '-C', folder], rules,
                                                         rules, rules + ['-n'])]
        row('%d' % count, ms(took[0] / count), ms(took[1] / count), ms(took[2]), ms(took[3]))


def _trivial_packages(folder, count):
    """Each installs one file and needs the third before it; and a Makefile that does by hand what they do."""
    os.makedirs(folder + '/hand')
    names = ['p%d' % number for number in range(count)]
    with open(folder + '/Makefile', 'w') as makefile:
        makefile.write('all: %s\n' % ' '.join(['hand/' + name for name in names]))
        for number, name in enumerate(names):
            need = names[number - 3:number - 2] if number > 2 else []
            makefile.write('hand/%s: %s\n\tmkdir -p lib && flock -s lock sh -c "echo 1.0 >lib/%s" && touch $@\n' % (
                name, ' '.join(['hand/' + each for each in need]), name))
            data = '%s/pkgs/%s' % (folder, name)
            os.makedirs(data)
            for file, text in (('version', '1.0'), ('type', 'default'), ('dependencies', ' '.join(need)),
                               ('spkg-install', 'P=$SAGE_DESTDIR$SAGE_LOCAL/lib; mkdir -p "$P"; echo 1.0 >"$P/%s"' % name)):
                with open(data + '/' + file, 'w') as out:
                    out.write(text + '\n')


def _timed(words, environment):
    began = now()
    make = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = make.communicate()[0].decode('utf-8', 'replace')
    if make.returncode:
        raise Wrong('%s goes well: %s' % (' '.join(words), output[-2000:]))
    return now() - began


# ---- Tables

def title(words, what):
    print('\n%s%s' % (words, what and '\n  ' + what))


def row(name, *columns):
    print('  %-26s' % name + ''.join(['%12s' % (column or '') for column in columns]))
    sys.stdout.flush()


def ms(seconds):
    return '%.1f' % (seconds * 1000)


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except Wrong as wrong:
        sys.stderr.write('tests/bench: %s\n' % wrong)
        sys.exit(1)
