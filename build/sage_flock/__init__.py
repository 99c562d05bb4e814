"""sage-flock: where a lock is kept, and by which engine.  The way in is call.py.

An engine is a module with

    open_named(name, path)  the lock; it has hold(request), sweep(key), drop()
    names(folder)           those in use, as a sorted list of str; None if there is no such folder
    users(name, path)       who holds and who waits, a list of dicts for status.py; None if there is no such lock

Every start loads this file, so it imports nothing before it is needed.
"""


def location(name):
    """The path of the lock called `name`: a name without a slash is a file in
    $SAGE_LOCK_DIR, else in $SAGE_LOCAL/var/lock, else in the current folder."""
    if '/' in name:
        return name
    from sage_flock import python
    folder = python.getenv('SAGE_LOCK_DIR')
    if not folder and python.getenv('SAGE_LOCAL'):
        folder = python.getenv('SAGE_LOCAL') + '/var/lock'
    if folder and not folder.endswith('/'):
        folder += '/'
    return folder + name


def at(path):
    """The engine that keeps the lock, or folder of locks, at `path`.  Raises Failure."""
    if '://' not in path:
        from sage_flock import files
        return files
    if path.startswith('etcd://'):
        from sage_flock import etcd
        return etcd
    from sage_flock.messages import USAGE, Failure
    raise Failure(path, 'locks are kept in folders and at etcd:// addresses', USAGE)


def open_named(name):
    """The lock called `name`.  Raises Failure if it cannot be opened."""
    if not name:
        from sage_flock.messages import USAGE, Failure
        raise Failure("''", 'is no name for a lock', USAGE)
    path = location(name)
    return at(path).open_named(name, path)
