"""sage-spkg NAME: builds a package and installs it into the tree, whole or not at all, unless it is there already.

1. If it is due, take the package's lock, and look again: another make may have built it meanwhile.
2. Build, in a folder of our own: the files of a package below its SAGE_DESTDIR, or wheels.
3. Take out what there is: an older version, or what a killed run left.
4. Write down what will be in the tree, and only then put it there, under the locks.
5. Say that it is whole, in the one file `version`.  (The states between: tree.py.)

What fails costs nothing: until 3 the older version is untouched, and should 4 fail after all, it is put back.

The screen gets a line when the package starts, waits, and ends; all else goes to var/log/NAME.log.
"""

import os
import time

from sage_spkg import files
from sage_spkg.packages import one_of, read
from sage_spkg.steps import Failed, Steps, Stopped, ignore_signals, log, log_of, replace_us, say, shown
from sage_spkg.tree import make_folder, new_serial

# $(SAGE_MERGE) where no sweep is to be marked.
_PLAIN_MERGE = ['-s', 'rebase.lock', 'sage-spkg', '--merge']


class Words(object):
    """Commands that make gives us in the environment, as lists of words."""

    def __init__(self, environment):
        self.wait = environment['SAGE_WAIT'].split()                # $(SAGE_FLOCK)
        self.merge = environment['SAGE_MERGE'].split()
        self.uninstall = environment['SAGE_UNINSTALL'].split()
        self.pip = environment['SAGE_PIP'].split()
        self.pip_install = environment['SAGE_PIP_INSTALL'].split()
        self.sweep = environment['SAGE_SWEEP'].split()              # $(REBASE); `true` where there is nothing to sweep


class Job(object):
    """One package on its way into the tree.

    plan        tells how it went, with a number
    has_check   run its check, and for that build it even if it is not due: then it is not installed
    """

    def __init__(self, tree, name, environment, plan, has_check=False):
        self.tree = tree
        self.name = name
        self.plan = plan
        self.has_check = has_check
        self.words = Words(environment)
        self.package = one_of(tree.pkgs, name)
        self.log = '%s/var/log/%s.log' % (tree.top, name)
        self.build = '%s/var/build/%s/%d' % (tree.top, name, os.getpid())
        self.state = tree.state(name)
        self.environment = environment
        environment['SAGE_PKG_VERSION'] = self.package.version
        environment['SAGE_LOG'] = self.log
        self.output = log_of(environment)
        self.steps = Steps(environment)
        self.older = None               # its version, while it is aside
        self.begun = time.time()

    def run(self):
        """The exit status."""
        record = self.tree.record(self.package)
        if self.has_check or not self.tree.is_built(self.package, record):
            self.lock(self.name, shared=False)
            for need in self.package.needs + self.package.first:
                self.lock(need, shared=True)
            self.environment['SAGE_PACKAGES_HELD'] = ' '.join(self.tree.held)
            record = self.tree.record(self.package)
        self.is_due = not self.tree.is_built(self.package, record)
        if not self.is_due and not self.has_check:
            if not self.tree.is_unswept(self.name):
                self.end('=', 'is installed already')
            return self.sweep()
        try:
            self.say('building, log in ' + shown(self.log))
            self.begin(record)
            self.build_it()
            if self.is_due:
                self.replace()
                self.whole()
        except Stopped:
            self.give_up()
            self.end('~', 'stopped after %d s, %s' % (self.seconds(), self.what_stays()), 2)
            raise
        except (Failed, files.Refused, EnvironmentError) as error:
            return self.failed(error)
        self.clean_up()
        self.end('=', '%s in %d s' % (self.is_due and 'installed' or 'checked', self.seconds()))
        return self.sweep()

    def lock(self, name, shared):
        def become(path, held):
            self.steps.go_on()
            if not shared:
                self.say('waiting: another make, or what a killed one has left running, has it in hand')
            words = ['sage-spkg'] + (self.has_check and ['--check'] or []) + [self.name]
            _wait_for_lock(self.words.wait + (shared and ['-s'] or []) + [path] + words, held)

        self.tree.lock(name, shared, become)

    def say(self, what):
        say('%s %s: %s' % (self.name, self.package.version, what))

    def end(self, sign, what, fd=1):
        self.plan.say(sign, '%s %s: %s' % (self.name, self.package.version, what), fd)

    def seconds(self):
        return int(time.time() - self.begun)

    def begin(self, record):
        for folder in 'log', 'installed', 'marks':
            make_folder(self.tree.top + '/var/' + folder)
        files.remove(os.path.dirname(self.build))
        os.makedirs(self.build + '/state')
        open(self.log, 'w').close()
        with open(self.build + '/state/built', 'wb') as file:
            file.write(new_serial().encode('ascii') + b'\n' + record)
        if self.words.sweep != ['true']:
            open(self.build + '/state/unswept', 'w').close()
        if not self.steps.run(['cp', '-RPp', self.package.folder + '/.', self.build + '/work'], self.output):
            raise Failed()

    # ---- 2. Build

    def build_it(self):
        from sage_spkg import building
        if self.package.is_wheel:
            building.wheels(self)
        else:
            building.files(self)

    # ---- 3 and 4. Install

    def replace(self):
        state, new = self.state, self.build + '/state'
        version = self.tree.version(self.name)
        if not version and os.path.isdir(state):
            self.run_or_fail(self.words.uninstall + [self.name])
        # What cannot be installed must not cost the older version.
        self.check(new, state)
        if version:
            self.run_or_fail(self.words.uninstall + ['--aside', self.build + '/older', self.name])
            self.older = version
        os.rename(new, state)
        self.put_in()

    def check(self, new, older):
        if self.package.is_wheel:
            from sage_spkg import wheels
            wheels.check(self.tree, self.name, new, older)
        else:
            files.check(self.tree, self.name, files.read_manifest(new), files.read_manifest(older))

    def put_in(self):
        """Brings in what self.state says."""
        if not os.path.exists(self.state + '/requirements.txt'):
            self.merge()
            return
        from sage_spkg import wheels
        try:
            wheels.check(self.tree, self.name, self.state, self.state)
        except files.Refused:
            files.remove(self.state)
            raise
        self.run_or_fail(wheels.install_words(self.words.pip_install, self.state))

    def merge(self):
        """The files into the tree, under the locks of $(SAGE_MERGE); a signal that comes meanwhile counts afterwards."""
        holds = None
        if self.words.merge[-4:] == _PLAIN_MERGE:
            from sage_spkg import sharing
            holds = sharing.share(['rebase.lock', 'pip.lock'], ['sage-spkg', '--merge', self.name])
        if holds is None:
            self.run_or_fail(self.words.merge + [self.name])
            return
        try:
            _put_in(self.tree, self.state)
        finally:
            sharing.release(holds)
            self.steps.go_on()

    def run_or_fail(self, words):
        if not self.steps.run(words):
            raise Failed()

    # ---- 5. The end, good or bad

    def whole(self):
        """From here on it is too late to be stopped."""
        self.steps.heed_no_signal()
        with open(self.build + '/version', 'w') as file:
            file.write(self.package.version + '\n')
        os.rename(self.build + '/version', self.state + '/version')

    def clean_up(self):
        files.remove(os.path.dirname(self.build))

    def sweep(self):
        """$(REBASE), which who is killed before leaves to the next."""
        self.steps.heed_signals()
        if self.tree.is_unswept(self.name):
            if self.words.sweep != ['true'] and not self.steps.run(self.words.sweep):
                return 1
            os.unlink(self.state + '/unswept')
        return 0

    def failed(self, error):
        reason = error.strerror and '%s: %s' % (error.filename, error.strerror) \
            if isinstance(error, EnvironmentError) else str(error)
        if reason:
            log('sage-spkg: %s: %s' % (self.name, reason), self.environment)
        self.give_up()
        ends = (read(self.log) or '').rstrip('\n').split('\n')[-20:]
        self.end('!', 'FAILED after %d s, %s, the end of %s:\n%s' % (
            self.seconds(), self.what_stays(), shown(self.log), '\n'.join(['    ' + line for line in ends])), 2)
        return 1

    def what_stays(self):
        version = self.tree.version(self.name)
        return version and version + ' stays' or 'nothing of it is left'

    def give_up(self):
        """Take out what came, and put back what had to make way."""
        try:
            self.steps.heed_no_signal()
        except Stopped:
            pass
        try:
            if os.path.isdir(self.state) and not self.tree.version(self.name):
                self.steps.run(self.words.uninstall + [self.name])
            if self.older and not os.path.exists(self.state):
                self.put_back(self.build + '/older')
            if self.environment.get('KEEP', '') != 'yes':
                self.clean_up()
        except (Failed, files.Refused, EnvironmentError) as error:
            say('sage-spkg: %s: %s' % (self.name, error), 2)

    def put_back(self, older):
        if os.path.isdir(older + '/out'):
            os.rename(older + '/out', older + '/stage')
        os.rename(older, self.state)
        self.put_in()
        os.rename(self.state + '/version.aside', self.state + '/version')


def merge(tree, name, has_pip_lock):
    """sage-spkg --merge NAME: under a shared rebase.lock, the files of its state into the tree.  The exit status.

    It is for where Job.merge() has to wait, or a sweep is to be marked.  pip.lock is shared, too, for an uninstall takes
    folders away; where it is not free, we become `$(SAGE_FLOCK) -s pip.lock sage-spkg --merge-alone NAME`.

    Then it is short, and heeds no signal, so that nobody takes out again what is still coming.
    """
    holds = []
    if not has_pip_lock:
        from sage_spkg import sharing
        holds = sharing.share(['pip.lock'], ['sage-spkg', '--merge', name])
        if holds is None:
            replace_us(os.environ['SAGE_WAIT'].split() + ['-s', 'pip.lock', 'sage-spkg', '--merge-alone', name])
    ignore_signals()
    try:
        _put_in(tree, tree.state(name))
    except files.Refused as refused:
        log('sage-spkg: %s: %s' % (name, refused), os.environ)
        return 1
    finally:
        if holds:
            sharing.release(holds)
    return 0


def _put_in(tree, state):
    """The files of a state into the tree.  Raises Refused; then nothing is left of either."""
    try:
        files.put_in(tree, state)
    except files.Refused:
        os.unlink(state + '/manifest')
        files.remove(state)
        raise


def _wait_for_lock(words, held):
    """Become a sage-flock that waits and then starts us again.  held: locks that we have then, with descriptors."""
    os.environ['SAGE_SPKG_HOLDS'] = ' '.join(['%s=%d' % each for each in held])
    replace_us(words)


def uninstall(tree, name, environment):
    """sage-spkg --uninstall NAME: take a package out when nobody builds with it.  The exit status."""
    words = Words(environment)
    steps = Steps(environment)

    def become(path, held):
        _wait_for_lock(words.wait + [path, 'sage-spkg', '--uninstall', name], held)

    tree.lock(name, False, become)
    if not steps.run(words.uninstall + [name]):
        return 1
    from sage_spkg.listing import say_who_needs
    say_who_needs(tree, name)
    return 0
