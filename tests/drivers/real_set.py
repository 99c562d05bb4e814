"""Seven C libraries from Debian's source packages, built by the package rules: as people do, and with kills.

    real_set.py [--kills=25] [--seed=N] [--jobs=4] [--check=no]

Their archives and Debian's patches to them are fetched through apt's own mirror; without apt, cmake or the network, it
says so and ends with 77.  They are built and checked, upgraded, killed at random moments while they are rebuilt, and
uninstalled.  After each step the tree must be right: the programs work and find their libraries, those of the tree in
the tree; each file is in one manifest, and each file of a manifest is there.  PYTHON and MAKE are the interpreter and
the make.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(__file__).rpartition('/tests/')[0]
MAKEFILE = ROOT + '/build/make/Makefile'
MAKE = os.environ.get('MAKE', 'make')

CONFIGURE = '''cd src
./configure --prefix="$SAGE_LOCAL" %s
$MAKE
$MAKE install DESTDIR="$SAGE_DESTDIR"
'''
# The answers of a `configure` are those of the first time: it would take longer than all else, and it is the rest that
# is to be killed.
CACHED = '''cd src
answers=$SAGE_LOCAL/../answers-$SAGE_PKG
cp "$answers" config.cache || true
./configure --prefix="$SAGE_LOCAL" --disable-static -C %s
[ -e "$answers" ] || { cp config.cache "$answers.$$" && mv "$answers.$$" "$answers"; }
$MAKE
$MAKE install DESTDIR="$SAGE_DESTDIR"
'''
# Where Debian's archive is that of a repository, which has no `configure`.
CMAKE = '''mkdir build
cd build
cmake ../src/%s -DCMAKE_INSTALL_PREFIX="$SAGE_LOCAL" -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=ON %s
$MAKE
DESTDIR="$SAGE_DESTDIR" $MAKE install
'''
CHECK = 'cd src\n$MAKE check\n'
BZIP2 = '''cd src
$MAKE -f Makefile-libbz2_so
P=$SAGE_DESTDIR$SAGE_LOCAL
$MAKE install PREFIX="$P"
cp -P libbz2.so.1.0* "$P/lib"
for name in "$P"/bin/*; do [ ! -L "$name" ] || ln -sf "$(basename "$(readlink "$name")")" "$name"; done
'''
LZ4 = '''cd src
$MAKE lib lz4 PREFIX="$SAGE_LOCAL"
$MAKE -C lib install PREFIX="$SAGE_LOCAL" DESTDIR="$SAGE_DESTDIR"
$MAKE -C programs install PREFIX="$SAGE_LOCAL" DESTDIR="$SAGE_DESTDIR"
'''

# name: Debian's name, what it needs, spkg-install, spkg-check
PACKAGES = {
    'zlib': ('zlib', '', CONFIGURE % '', CHECK),
    'bzip2': ('bzip2', '', BZIP2, 'cd src\n$MAKE test\n'),
    'xz': ('xz-utils', '', CACHED % '--disable-doc --disable-nls',
           'cd src\n$MAKE -C tests check TESTS="test_check test_stream_flags test_bcj_exact_size"\n'),
    'libpng': ('libpng1.6', 'zlib', CACHED % '', 'cd src\n$MAKE check TESTS=tests/pngvalid-standard\n'),
    'libyaml': ('libyaml', '', CMAKE % ('', '-DINSTALL_CMAKE_DIR=lib/cmake/yaml'), 'cd build\n$MAKE test\n'),
    'expat': ('expat', '', CMAKE % ('expat', '-DEXPAT_BUILD_DOCS=OFF -DEXPAT_BUILD_EXAMPLES=OFF'), 'cd build\n$MAKE test\n'),
    'lz4': ('lz4', '| zlib', LZ4, 'src/lz4 -b1 -i1 src/README.md\n'),
}

# What is rebuilt and killed: xz takes as long as these together.
QUICK = ['bzip2', 'expat', 'libpng', 'libyaml', 'lz4', 'zlib']

ROUND_TRIPS = ('bzip2', 'xz', 'lz4 -z - -')
BACK = ('bunzip2', 'xz -d', 'lz4 -d - -')


class Wrong(Exception):
    pass


def sources(folder):
    """Fetches them into folder/fetched: {Debian's name: [(file name, sha256)]}, or None where there are none to be had."""
    if not os.path.exists('/etc/apt/sources.list.d/debian.sources') or silently(['sh', '-c', 'apt-get -v && cmake --version']):
        return None
    lists = folder + '/lists'
    os.makedirs(lists + '/partial')
    os.mkdir(folder + '/fetched')
    with open('/etc/apt/sources.list.d/debian.sources') as listed:
        write(folder + '/apt.sources', listed.read().replace('Types: deb\n', 'Types: deb-src\n'))
    options = ['-o', 'Dir::Etc::sourcelist=' + folder + '/apt.sources', '-o', 'Dir::Etc::sourceparts=-',
               '-o', 'Dir::State::lists=' + lists]
    if silently(['apt-get', '-qq', 'update'] + options):
        return None
    found = {}
    for debian, _, _, _ in PACKAGES.values():
        words = ['apt-get', '-qq', 'source', '--download-only'] + options + [debian]
        silently(words, folder + '/fetched')
        uris = output_of(words[:3] + ['--print-uris'] + words[4:]).decode('ascii')
        lines = [line.split() for line in uris.split('\n')]
        # A mirror may lack the newest patches, and yet have what they are for.
        found[debian] = [(words[1], words[3].partition(':')[2]) for words in lines
                         if len(words) == 4 and os.path.exists(folder + '/fetched/' + words[1])]
        if not any(['.orig.tar.' in file for file, _ in found[debian]]):
            return None
    return found


def output_of(words, said=b''):
    """What a command prints on its standard output, bytes, given `said` on its standard input."""
    with open(os.devnull, 'w') as nothing:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=nothing,
                                   shell=not isinstance(words, list))
        return process.communicate(said)[0]


def silently(words, folder=None):
    """Runs a command: its status."""
    with open(os.devnull, 'w') as nothing:
        return subprocess.call(words, cwd=folder, stdout=nothing, stderr=nothing)


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, 'w') as file:
        file.write(text)


def make_packages(folder, found, address):
    for name, (debian, needs, install, check) in PACKAGES.items():
        data = '%s/pkgs/%s' % (folder, name)
        os.makedirs(data)
        for file, digest in found[debian]:
            if '.orig.tar.' in file and not file.endswith('.asc'):
                write(data + '/source', '%s/%s %s\n' % (address, file, digest))
                write(data + '/version', file.partition('_')[2].partition('.orig')[0] + '\n')
            elif '.debian.tar.' in file:
                copy_patches('%s/fetched/%s' % (folder, file), '%s/fetched/%s' % (folder, name), data)
        write(data + '/type', 'default\n')
        write(data + '/dependencies', needs + '\n')
        write(data + '/spkg-install', '#!/bin/sh\nset -e\n' + install)
        write(data + '/spkg-check', '#!/bin/sh\nset -e\n' + check)


def copy_patches(archive, unpacked, data):
    """Debian's patches, in their order, to `data`."""
    os.makedirs(unpacked)
    subprocess.check_call(['tar', '-xf', archive, '-C', unpacked])
    patches = unpacked + '/debian/patches'
    if os.path.exists(patches + '/series'):
        with open(patches + '/series') as series:
            listed = [line.split()[0] for line in series if line.strip() and not line.startswith('#')]
        os.mkdir(data + '/patches')
        for number, patch in enumerate(listed):
            shutil.copy(patches + '/' + patch, '%s/patches/%02d-%s.patch' % (
                data, number, os.path.basename(patch).replace('.patch', '')))


class Set(object):
    def __init__(self, folder, jobs):
        self.folder, self.tree = folder, folder + '/tree'
        self.jobs = jobs
        self.environment = dict(
            [each for each in os.environ.items() if not each[0].startswith(('SAGE_', 'MAKE', 'MFLAGS'))],
            SAGE_LOCAL=self.tree, SAGE_PKGS=folder + '/pkgs', SAGE_DISTFILES=folder + '/distfiles', CFLAGS='-O0')
        self.versions = {}

    def start(self, *words):
        words = [MAKE, '--no-print-directory', '-f', MAKEFILE, '-j%s' % self.jobs] + list(words)
        with open(self.folder + '/output', 'w') as output:
            process = subprocess.Popen(words, env=self.environment, stdin=subprocess.PIPE, stdout=output,
                                       stderr=subprocess.STDOUT, preexec_fn=os.setsid)
        process.stdin.close()
        return process

    def make(self, *words):
        begun = time.time()
        process = self.start(*words)
        if process.wait():
            with open(self.folder + '/output') as said:
                raise Wrong('make %s ended with %d: %s' % (' '.join(words), process.returncode, said.read()[-4000:]))
        return time.time() - begun

    def upgrade(self, name):
        path = '%s/pkgs/%s/version' % (self.folder, name)
        with open(path) as file:
            version = file.read().strip().partition('+')[0]
        self.versions[name] = self.versions.get(name, 0) + 1
        write(path, '%s+%d\n' % (version, self.versions[name]))

    def check(self):
        """Is the tree right?  Raises Wrong."""
        if subprocess.call([MAKE, '-q', '-f', MAKEFILE], env=self.environment):
            raise Wrong('something is still due')
        listed = []
        for name in PACKAGES:
            with open('%s/var/installed/%s/manifest' % (self.tree, name)) as manifest:
                listed.extend([line.rstrip('\n') for line in manifest if not line.endswith('/\n')])
            if read('%s/var/installed/%s/version' % (self.tree, name)) != \
                    read('%s/pkgs/%s/version' % (self.folder, name)):
                raise Wrong('%s is of an older version' % name)
        there = self.files()
        if sorted(listed) != there:
            raise Wrong('files and manifests differ: %s' % sorted(set(listed) ^ set(there)))
        for path in there:
            full = self.tree + '/' + path
            if os.path.islink(full) and not os.path.exists(full):
                raise Wrong('%s leads nowhere' % path)
            with open(full, 'rb') as file:
                if file.read(4) == b'\x7fELF' and ('.so' in path or path.startswith('bin/')):
                    self.check_libraries(full)
        text = b'some words, ' * 5000
        for there, back in zip(ROUND_TRIPS, BACK):
            if output_of('%s/bin/%s | %s/bin/%s' % (self.tree, there, self.tree, back), text) != text:
                raise Wrong('%s does not work' % there)
        write(self.folder + '/x.xml', '<a><b/></a>')
        subprocess.check_call([self.tree + '/bin/xmlwf', self.folder + '/x.xml'])
        if not output_of([self.tree + '/bin/libpng-config', '--version']):
            raise Wrong('libpng-config does not work')

    def check_libraries(self, path):
        for line in output_of(['ldd', path]).decode('utf-8').split('\n'):
            words = line.split()
            if 'not found' in line:
                raise Wrong('%s: %s' % (path, line.strip()))
            if len(words) > 2 and words[0].startswith(('libz.', 'libbz2.', 'liblzma.', 'libpng')) and \
                    path.endswith(('pngfix', '.so.16.39.0')) and not words[2].startswith(self.tree):
                raise Wrong('%s takes %s from elsewhere' % (path, words[0]))

    def files(self):
        found = []
        for folder, below, names in os.walk(self.tree):
            if folder == self.tree:
                below.remove('var')
            found.extend([os.path.join(folder, name)[len(self.tree) + 1:] for name in names])
            found.extend([os.path.join(folder, name)[len(self.tree) + 1:] for name in below
                          if os.path.islink(os.path.join(folder, name))])
        return sorted(found)

    def kill(self, chance, longest):
        """A make at work on something, killed, in half of the cases with all that it started."""
        for name in chance.sample(QUICK, chance.randrange(1, 4)):
            self.upgrade(name)
        process = self.start()
        time.sleep(chance.random() * longest)
        if chance.random() < 0.5:
            process.kill()
        else:
            for pid in reversed(family(process.pid)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        process.wait()
        self.make()
        self.check()


def family(pid):
    """A process and all below it."""
    found = [pid]
    for each in found:
        try:
            with open('/proc/%d/task/%d/children' % (each, each)) as file:
                found.extend([int(word) for word in file.read().split()])
        except EnvironmentError:
            pass
    return found


def say(line):
    print(line)
    sys.stdout.flush()


def main(*options):
    given = dict([option.lstrip('-').partition('=')[::2] for option in options])
    seed = int(given.get('seed', time.time()))
    chance = random.Random(seed)
    folder = tempfile.mkdtemp()
    server = None
    try:
        found = sources(folder)
        if found is None:
            say("real_set: SKIPPED: no source packages of Debian's to be had here, or no cmake")
            return 77
        server = subprocess.Popen([sys.executable, os.path.dirname(os.path.abspath(__file__)) + '/server.py',
                                   folder + '/fetched'], stdout=subprocess.PIPE)
        port = server.stdout.readline().decode('ascii').split()[-1]
        make_packages(folder, found, 'http://127.0.0.1:%s/plain' % port)
        it = Set(folder, given.get('jobs', '4'))
        patches = sum([len(os.listdir('%s/pkgs/%s/patches' % (folder, name))) for name in PACKAGES
                       if os.path.isdir('%s/pkgs/%s/patches' % (folder, name))])
        took = it.make('CHECK=' + given.get('check', 'yes'))
        say('%d packages, %d patches, built and checked in %.0f s' % (len(PACKAGES), patches, took))
        it.check()
        say('%d files' % len(it.files()))
        it.upgrade('zlib')
        say('zlib upgraded, and libpng with it, in %.0f s' % it.make())
        it.check()
        kills, begun = int(given.get('kills', 25)), time.time()
        for number in range(kills):
            it.kill(chance, float(given.get('longest', 8)))
            say('kill %d: the tree is right' % (number + 1))
        say('%d kills in %.0f s' % (kills, time.time() - begun))
        it.make(*[name + '-uninstall' for name in PACKAGES])
        if it.files() or os.listdir(it.tree) != ['var']:
            raise Wrong('left after the uninstall: %s' % it.files())
        say('uninstalled, and nothing is left')
        return 0
    except Wrong as wrong:
        say('wrong, seed %d: %s' % (seed, wrong))
        return 1
    finally:
        if server:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
