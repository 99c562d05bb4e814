"""The packages of a folder, build/pkgs, as their files describe them; README "Your own packages" says file by file how.

A package is due when its folder no longer looks as it did when it was last built, or when a package that it needs has
been built since.  Looks are the names, modes, sizes and times of all files, whatever they are called: make could not
name every file, and it would not notice one that went or that came with an old time.
"""

import os
import stat

_GOALS = ('all', 'kit', 'optional', 'list', 'report', 'locks', 'clean', 'check', 'bench', 'install', 'uninstall', 'prefix',
          'adopt', 'help')
_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'


def as_bytes(text):
    """A path as the system has it: names of files are bytes."""
    if isinstance(text, bytes):
        return text
    return getattr(os, 'fsencode', str.encode)(text)


def as_text(data):
    """Bytes as a str to show or to compare, on every Python."""
    return data if isinstance(data, str) else data.decode('utf-8', 'replace')


def read(path):
    """A file's text, or None where there is none to read."""
    try:
        with open(path, 'rb') as file:
            return as_text(file.read())
    except EnvironmentError:
        return None


class Package(object):
    """One folder.  Reads on demand, as make looks at a thousand of them.

    needs   names of packages without which this one is not built, and with which it is built anew
    first   names of packages that merely must be there before: tools
    """

    def __init__(self, top, name):
        self.name = name
        self.folder = top + '/' + name
        files = os.listdir(self.folder)
        self.version = (read(self.folder + '/version') or '').strip()
        self.type = (read(self.folder + '/type') or '').split('\n')[0].strip() if 'type' in files else ''
        self.is_script = 'spkg-install' in files
        self.is_wheel = not self.is_script and 'requirements.txt' in files
        self.has_source = 'source' in files
        self.needs, self.first = [], []
        if 'dependencies' in files:
            for line in (read(self.folder + '/dependencies') or '').split('\n'):
                ordinary, _, tools = line.partition('#')[0].partition('|')
                self.needs.extend(ordinary.split())
                self.first.extend(tools.split())

    def wrong(self):
        """What is wrong with it, texts."""
        if self.name.strip(_LETTERS + '._-') or self.name[0] not in _LETTERS:
            return ['a package name is letters, digits and . _ -']
        if self.name in _GOALS or self.name.endswith('-uninstall') or self.name.startswith('check-'):
            return ['is a goal of make and cannot be a package']
        if not self.version:
            return ['has no version']
        found = []
        if self.is_wheel:
            if '==' + self.version not in (read(self.folder + '/requirements.txt') or ''):
                found.append('requirements.txt does not pin its version')
        elif not self.is_script:
            found.append('has neither spkg-install nor requirements.txt')
        if self.has_source:
            try:
                source_lines(read(self.folder + '/source'))
            except ValueError as error:
                found.append("source: this is no line `URL-or-path sha256`: %s" % error)
        if self.type not in ('default', 'optional'):
            found.append("its type is '%s', not default or optional" % self.type)
        return found

    def looks(self):
        """Bytes that change when a file of the folder does, or comes or goes.  Bytecode is nobody's source."""
        lines = []
        top = as_bytes(self.folder)
        below = [b'']
        while below:
            folder = below.pop()
            for name in sorted(os.listdir(top + folder)):
                if name == b'__pycache__':
                    continue
                path = folder + b'/' + name
                status = os.lstat(top + path)
                if stat.S_ISDIR(status.st_mode):
                    below.append(path)
                    lines.append(b'folder ' + path)
                    continue
                lines.append(_looks(status) + path)
                if stat.S_ISLNK(status.st_mode):
                    try:
                        lines.append(_looks(os.stat(top + path)) + b'behind it')
                    except OSError:
                        lines.append(b'nothing behind it')
        return b'\n'.join(lines)


def source_lines(text):
    """The sources that a file `source` names: pairs of a place and a checksum.  Raises ValueError, the line."""
    found = []
    for line in text.split('\n'):
        words = line.split()
        if words and not words[0].startswith('#'):
            if len(words) != 2 or len(words[1]) != 64 or words[1].strip('0123456789abcdef'):
                raise ValueError(line.strip())
            found.append(tuple(words))
    return found


def _looks(status):
    return ('%o %d %.6f ' % (status.st_mode, status.st_size, status.st_mtime)).encode('ascii')


def all_of(top):
    """The packages of the folder `top`, by name, and what is wrong with them: pairs of a name and a text.

    Python packages get what they need implied: pip puts them in, so it is there first; and they belong to the
    environment that pip works in, so what pip itself needs, they need.
    """
    packages, wrong = {}, []
    for name in sorted(os.listdir(top)):
        if os.path.isdir(top + '/' + name) and not name.startswith('.'):
            package = Package(top, name)
            complaints = package.wrong()
            wrong.extend([(name, complaint) for complaint in complaints])
            packages[name] = package
    imply(packages)
    _check_needs(packages, wrong)
    return packages, wrong


def one_of(top, name):
    """One package and what is implied of it, without reading the others."""
    package = Package(top, name)
    known = {name: package}
    if package.is_wheel and os.path.isdir(top + '/pip'):
        known['pip'] = Package(top, 'pip')
    imply(known)
    return package


def imply(packages):
    """Adds what Python packages need to their lists."""
    for package in packages.values():
        if package.is_wheel:
            package.first.append('pip')
            if 'pip' in packages:
                package.needs.extend(packages['pip'].needs)


def _check_needs(packages, wrong):
    """Adds dependencies that are no package, and circles, which make would only warn of, to the list `wrong`."""
    state = {}
    for start in sorted(packages):
        if start in state:
            continue
        state[start] = 'visiting'
        trail = [(start, iter(packages[start].needs + packages[start].first))]
        while trail:
            name, rest = trail[-1]
            for need in rest:
                if need not in packages:
                    wrong.append((name, 'depends on %s, which is no package' % need))
                elif state.get(need) == 'visiting':
                    names = [each for each, _ in trail]
                    circle = names[names.index(need):] + [need]
                    wrong.append((need, 'depends on itself: ' + ' -> '.join(circle)))
                elif need not in state:
                    state[need] = 'visiting'
                    trail.append((need, iter(packages[need].needs + packages[need].first)))
                    break
            else:
                state[name] = 'visited'
                trail.pop()
