"""Takes a package out of the tree, also one that was only half put in.  Runs under the locks of $(UNINSTALL).

`version` goes first and the rest of var/installed/NAME last, so whoever kills us in between only makes the next run do
it again.  It is short, and heeds no signal: were it to die of one, a pip below it might be at work without a lock.
"""

import os

from sage_spkg import files
from sage_spkg.steps import Steps, ignore_signals, say, shown


def uninstall(tree, name, pip, log, aside=None):
    """The exit status.  pip: its words.  log: where those put what they have to say, or None.

    aside: a folder to be made, which gets all that it takes to put the package in again.
    """
    ignore_signals()
    state = tree.state(name)
    if not os.path.isdir(state):
        say('%s: not installed' % name)
        return 0
    version = tree.version(name)
    if version:
        os.unlink(state + '/version')
    run = Steps(os.environ).run
    try:
        done = True
        if os.path.exists(state + '/requirements.txt'):
            from sage_spkg import wheels
            done = wheels.take_out(tree, state, version is not None, pip, run)
        else:
            files.take_out(tree, state)
    except EnvironmentError as error:
        say('sage-spkg-uninstall: %s: %s: %s' % (name, error.filename, error.strerror), 2)
        done = False
    if not done:
        say('%s: NOT UNINSTALLED%s' % (name, ', see ' + shown(log) if log else ''), 2)
        return 1
    if aside and version:
        with open(state + '/version.aside', 'w') as file:
            file.write(version + '\n')
        os.rename(state, aside)
    else:
        # Without these nothing more of it is looked for in the tree.
        for name_of_list in 'manifest', 'requirements.txt':
            if os.path.exists(state + '/' + name_of_list):
                os.unlink(state + '/' + name_of_list)
        files.remove(state)
    if version:
        say('%s %s: uninstalled' % (name, version))
    else:
        say('%s: took out what an interrupted run had left' % name)
    return 0
