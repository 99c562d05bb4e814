"""A Python package on its way into the tree and out of it: pip does it, told wheels by their files.

`pip wheel` heeds the requirements, with their hashes and options, when it makes or fetches the wheels.  After that
nothing is to be resolved or checked once more: a hash is that of the source, and no wheel's.  The wheels stay in the
package's state, so a version that had to make way for one that then cannot be installed comes back without network.
"""

import os

from sage_spkg.files import Refused, check as check_files, read_manifest, remove
from sage_spkg.packages import as_bytes, as_text, read

_OPTIONS = ['--no-deps', '--no-input', '--disable-pip-version-check']


def build_words(pip, work, state):
    """The command that makes, in `state`, the wheels of the requirements in `work`, or of the source there."""
    words = pip + ['wheel'] + _OPTIONS + ['--wheel-dir', state + '/wheels']
    if os.path.isdir(work + '/src'):
        words += ['--no-index', '--no-build-isolation', work + '/src']
    else:
        words += ['--requirement', work + '/requirements.txt']
    os.mkdir(state + '/wheels')
    with open(work + '/requirements.txt', 'rb') as file:
        requirements = file.read()
    with open(state + '/requirements.txt', 'wb') as file:
        file.write(requirements)
    return words


def wheels(state):
    """Paths of the wheels of a state."""
    folder = state + '/wheels'
    if not os.path.isdir(folder):
        return []
    return [folder + '/' + name for name in sorted(os.listdir(folder)) if name.endswith('.whl')]


def distributions(state):
    """What pip calls that which they install, as all spell it alike."""
    return [_spelt_alike(os.path.basename(path).split('-')[0]) for path in wheels(state)]


def _spelt_alike(name):
    return '-'.join([word for word in name.lower().replace('_', '-').replace('.', '-').split('-') if word])


def scripts(state):
    """Names of the programs in bin/ that the wheels of a state bring.  Of two wheels with one, pip would overwrite the
    first one's without a word."""
    kept = read(state + '/scripts')
    if kept is None:
        import zipfile
        found = set()
        for path in wheels(state):
            try:
                archive = zipfile.ZipFile(path)
            except zipfile.BadZipfile:          # pip will say so
                continue
            for member in archive.namelist():
                folder, _, name = member.rpartition('/')
                if name and folder.endswith('.data/scripts'):
                    found.add(name)
                elif name == 'entry_points.txt' and folder.endswith('.dist-info'):
                    found.update(_entry_points(as_text(archive.read(member))))
            archive.close()
        kept = '\n'.join(sorted(found))
    return kept.split('\n') if kept else []


def _entry_points(text):
    is_script = False
    for line in text.split('\n'):
        line = line.partition('#')[0].strip()
        if line.startswith('['):
            is_script = line in ('[console_scripts]', '[gui_scripts]')
        elif is_script and '=' in line:
            yield line.partition('=')[0].strip()


def keep_scripts(state):
    """Write them down, for others to look at without opening archives."""
    found = scripts(state)
    with open(state + '/scripts', 'wb') as file:
        file.write('\n'.join(found).encode('utf-8'))


def check(tree, name, state, older):
    """Raises Refused if another package, or nobody, has a distribution, or a program in bin/, of `state` in the tree.

    older: the state of the package's older version.  Of two packages at the same time each has its state in its place
    when it asks, so at least one sees the other.
    """
    mine, programs = distributions(state), scripts(state)
    if not mine:
        raise Refused('pip made no wheel')
    for other in tree.installed():
        if other != name:
            for distribution in distributions(tree.state(other)):
                if distribution in mine:
                    raise Refused('the Python distribution %s belongs to %s' % (distribution, other))
            for program in programs and scripts(tree.state(other)):
                if program in programs:
                    raise Refused('%s/bin/%s belongs to %s' % (tree.top, program, other))
    older, before = distributions(older), scripts(older)
    check_files(tree, name, [as_bytes('bin/' + program) for program in programs], [as_bytes('bin/' + each) for each in before])
    for folder, entry in _site_entries(tree.top):
        distribution = _spelt_alike(entry.split('-')[0])
        if entry.endswith('.dist-info') and distribution in mine and distribution not in older:
            line = as_bytes((folder + '/' + entry)[len(tree.top) + 1:] + '/')
            for other in tree.installed():
                if line in read_manifest(tree.state(other)):
                    raise Refused('the Python distribution %s belongs to %s' % (distribution, other))
            raise Refused("the Python distribution %s is there already, and no package's" % distribution)


def _site_entries(top):
    """What is in the tree's site-packages: pairs of the folder and a name."""
    for folder in os.listdir(top + '/lib') if os.path.isdir(top + '/lib') else ():
        site = '%s/lib/%s/site-packages' % (top, folder)
        if folder.startswith('python') and os.path.isdir(site):
            for name in os.listdir(site):
                yield site, name


def install_words(install, state):
    """The command that puts the wheels in; `install`: $(PIP_INSTALL), words."""
    return install + ['--no-index'] + wheels(state)


def take_out(tree, state, is_whole, pip, run):
    """Uninstall what `state` names: did it go well?

    pip finds what to remove in a list that it writes last and removes early.  When that may be missing, the install is
    brought to its end first, which overwrites what there is, and then taken back.
    """
    names = distributions(state)
    if not is_whole and names:
        run(pip + ['install'] + _OPTIONS + ['--ignore-installed', '--no-index'] + wheels(state))
    if not run(pip + ['uninstall', '--yes', '--disable-pip-version-check'] +
               (names or ['--requirement', state + '/requirements.txt'])):
        return False
    # Where pip puts aside what it removes; no pip but ours is at work now, so these are a killed one's.
    for folder, entry in _site_entries(tree.top):
        if as_text(entry).startswith('~'):
            remove(folder + '/' + entry)
    return True
