"""The building of one package: its sources, its environment, its spkg-install and spkg-check, or its wheels."""

import os

from sage_spkg import files as tree_files
from sage_spkg.steps import Failed

_HAS_RPATH = not os.uname()[0].startswith(('CYGWIN', 'MSYS'))


def environment(job):
    """What a build sees: the tree's programs, headers, libraries and pkg-config files before all others'."""
    top = job.tree.top
    changed = dict(job.environment, SAGE_DESTDIR=job.build + '/dest')
    rpath = ' -Wl,-rpath,%s/lib' % top if _HAS_RPATH else ''
    for name, ours, between in (('PATH', top + '/bin', ':'), ('PKG_CONFIG_PATH', top + '/lib/pkgconfig', ':'),
                                ('CPPFLAGS', '-I%s/include' % top, ' '), ('LDFLAGS', '-L%s/lib%s' % (top, rpath), ' ')):
        there = changed.get(name)
        changed[name] = ours + between + there if there else ours
    return changed


def command(folder, script):
    """The words that run a script: by its own #! line, else sh -e, which stops at the first command that fails."""
    with open(folder + '/' + script, 'rb') as file:
        line = file.readline(4096)
    if line.startswith(b'#!') and line[2:].strip():
        return line[2:].strip().split(None, 1) + ['./' + script]
    return ['sh', '-e', './' + script]


def files(job):
    """Build, check and stage a package that has a spkg-install; its manifest goes into its state."""
    top, work = job.tree.top, job.build + '/work'
    stage = job.build + '/dest' + top
    inside = environment(job)
    _unpack(job)
    os.makedirs(stage)
    for script in ['spkg-install'] + _check(job, work):
        _run_in(work, job, command(work, script), inside, script + ' failed')
    lines = tree_files.staged(job.build + '/dest', top)
    tree_files.write_manifest(job.build + '/state', lines)
    os.rename(stage, job.build + '/state/stage')


def wheels(job):
    """Build the wheels of a Python package, into its state.  All that takes is done here, fetching too."""
    from sage_spkg import wheels as tree_wheels
    work = job.build + '/work'
    inside = environment(job)
    _unpack(job)
    words = tree_wheels.build_words(job.words.pip, work, job.build + '/state')
    _run_in(work, job, words, inside, 'pip made no wheel')
    tree_wheels.keep_scripts(job.build + '/state')
    for script in _check(job, work):
        _run_in(work, job, command(work, script), inside, script + ' failed')


def _run_in(folder, job, words, inside, otherwise):
    """Runs a step of the build.  Raises Failed, with the text `otherwise`."""
    here = os.open('.', os.O_RDONLY)
    os.chdir(folder)
    try:
        if not job.steps.run(words, job.output, group=True, environment=inside):
            raise Failed(otherwise)
    finally:
        os.fchdir(here)
        os.close(here)


def _check(job, work):
    """The check's name in a list, if it is to be run."""
    wanted = job.has_check or job.environment.get('CHECK') == 'yes'
    return ['spkg-check'] if wanted and os.path.exists(work + '/spkg-check') else []


def _unpack(job):
    work = job.build + '/work'
    if os.path.exists(work + '/source') or os.path.exists(work + '/patches'):
        from sage_spkg import sources
        sources.prepare(job)
