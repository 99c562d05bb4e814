"""The lines of a wait: for whom, for which lock, where in line, and behind whom.

    sage-flock: waiting for exclusive lock pip.lock to run 'pip ... idna', 2nd in line: held by 4711 'pip ... six' for 6 s
    sage-flock: got exclusive lock pip.lock after 6.1 s to run 'pip ... idna'

Where a kit has said in SAGE_PKG for whom we work, the package leads, and packages stand for commands:

    idna: waiting for exclusive pip.lock, 2nd in line: held by 4711 six for 6 s
    idna: got pip.lock after 6.1 s

A line has as many columns as the terminal, 100 at least, and 100 where there is none.  To fit, commands are shortened
first: their middle goes, and what tells one from the other stays.  Then go how long the holders have had the lock, then
all but the first of them.  On a terminal names are bold and times dim.

Both engines say these lines, so a wait looks the same on either.
"""

import sage_flock
from sage_flock import terminal
from sage_flock.messages import duration, printable, quoted, write
from sage_flock.terminal import BOLD, DIM, characters

_LEAST = 100            # columns that a line may have in any case
_LONGEST = 72           # characters of a command, however much room there is
# How a line may look, from best to worst: how many of the holders are named; how many with their times; is the lock
# called one; are commands of others shown, and whoever is ahead; how much of what tells a command apart has room.
_SHAPES = ((3, 3, True, True, 24), (3, 1, True, True, 24), (3, 0, True, True, 16), (1, 0, True, True, 16),
           (1, 0, False, True, 8), (1, 0, False, False, 0))


class Party(object):
    """Somebody who holds the lock, or waits for it before us.

    who      its process, and on etcd the host
    package  what it works for, '' if that is not known
    command  its command, printable
    seconds  for how long it has had the lock; None if that is not known
    """

    def __init__(self, who, package, command, seconds=None):
        self.who = who
        self.package = package
        self.command = command
        self.seconds = seconds


class InTheWay(object):
    """What keeps a call waiting.

    place    its place in line, from 1; None if that is not known
    how      what the holders do: 'held by', or of a pool that is full '2 of 2 in use:'
    holders  Party objects, those first who have had the lock for the longest
    ahead    the Party of a waiter that is in the way as well, or None
    """

    def __init__(self, place):
        self.place = place
        self.how = 'held by'
        self.holders = []
        self.ahead = None


def say_waiting(request, title, doing, way):
    """Say `doing` of the lock called `title`, and the InTheWay."""
    package = request.package()
    place = [] if way.place is None else [(', %s in line' % _ordinal(way.place), '')]
    _say_with_commands(lambda word, command: _lead(package) + [
        ('%s %s %s' % (doing, request.mode, 'lock ' * (word and not package)), ''), (_title(title, package), BOLD)
    ] + command + place, request, way)


def say_not_got(request, title, way):
    """The time to wait for the lock is over: say so, and the InTheWay."""
    if request.quiet:
        return
    limit = duration(request.within or request.seconds) + ('' if request.timed else ' (SAGE_FLOCK_TIMEOUT)')
    _say_with_commands(lambda word, command: _lead(request.package()) + [
        (_title(title, request.package()), BOLD), (': not got within ', ''), (limit, DIM)], request, way, False)


def say_got(request, title, seconds):
    """Say that the wait was over after `seconds`."""
    package, room = request.package(), _room()
    pieces = _lead(package) + [('got ' if package else 'got %s lock ' % request.mode, ''),
                               (_title(title, package), BOLD), (' after ' + duration(seconds), DIM)]
    if request.command and not package:
        left = room - sum([len(characters(text)) for text, _ in pieces]) - len(" to run ''")
        command = characters(quoted(request.command, 200))
        pieces += _to_run(elided(command, '', min(_LONGEST, left), terminal.dots()))
    _say(pieces, room)


def _say_with_commands(head, request, way, with_ours=True):
    """Say head(is the lock called one, the pieces of our command), and the InTheWay, in the best shape that fits."""
    room = _room()
    for shape in _SHAPES:
        line = _Line(head, request, way, shape, with_ours and request.command and not request.package())
        if line.fits(room):
            break
    _say(line.pieces(room), room)


class _Line(object):
    """One line in one of the _SHAPES; `with_ours`: it names our command."""

    def __init__(self, head, request, way, shape, with_ours):
        named, self.timed, self.has_word, self.has_commands, self.least = shape
        self.head = head
        self.package = request.package()
        self.how = way.how
        self.holders = way.holders if len(way.holders) <= named else way.holders[:max(1, named - 1)]
        self.more = len(way.holders) - len(self.holders)
        self.ahead = way.ahead if self.has_commands else None
        self.dots = terminal.dots()
        self.ours = [characters(quoted(request.command, 200))] if with_ours else []
        theirs = [characters(one.command) for one in self.holders + [way.ahead] if one and not self._package_of(one)]
        self.commands = self.ours + theirs * self.has_commands
        # Each is to be told from ours, and ours from the first holder's.
        self.others = (theirs[:1] or [''])[:len(self.ours)] + (self.ours or theirs[1:2] or ['']) * len(theirs)

    def fits(self, room):
        """Are there `room` columns for it, and for what tells its commands apart?"""
        return self._fixed() + sum([min(len(one), len(self.dots.join(['', ''] + _own_parts(one, other))), self.least)
                                    for one, other in zip(self.commands, self.others)]) <= room

    def pieces(self, room):
        """The line as pieces for _say(), in `room` columns if it fits()."""
        pairs = list(zip(self.commands, self.others))
        shares = [min(len(one), _LONGEST) for one in self.commands]
        room -= self._fixed()
        while sum(shares) > max(room, len(shares)):
            shares[shares.index(max(shares))] -= 1
        texts = [elided(one, other, share, self.dots) for (one, other), share in zip(pairs, shares)]
        for i, (one, other) in enumerate(pairs):       # what one has left over is good for the next
            spare = max(0, room - sum([len(text) for text in texts]))
            texts[i] = elided(one, other, min(_LONGEST, len(texts[i]) + spare), self.dots)
        return self._pieces(texts)

    def _fixed(self):
        return sum([len(characters(text)) for text, _ in self._pieces([characters('')] * len(self.commands))])

    def _pieces(self, commands):
        commands = list(commands)
        pieces = self.head(self.has_word, _to_run(commands.pop(0)) if self.ours else [])
        for index, one in enumerate(self.holders):
            last = index == len(self.holders) - 1 and not self.more
            pieces.append((': %s ' % self.how if not index else ' and ' if last else ', ', ''))
            pieces += self._named(one, commands)
            if one.seconds is not None and index < self.timed:
                pieces.append((' for ' + duration(one.seconds), DIM))
        if self.more:
            pieces.append((' and %d more' % self.more, ''))
        if self.ahead:
            pieces += [('%s before us waits ' % (';' if self.holders else ':'), '')] + self._named(self.ahead, commands)
        return pieces

    def _named(self, one, commands):
        package = self._package_of(one)
        if package:
            return [(one.who + ' ', ''), (package, BOLD)]
        if not self.has_commands:
            return [(one.who, '')]
        return [(one.who + " '", ''), (commands.pop(0), BOLD), ("'", '')]

    def _package_of(self, one):
        """The package that stands for its command: not where it is ours, which tells nothing."""
        return one.package if one.package != self.package else ''


def _lead(package):
    return [(package, BOLD), (': ', '')] if package else [('sage-flock: ', '')]


def _to_run(command):
    return [(" to run '", ''), (command, BOLD), ("'", '')]


def _title(title, package):
    """The lock's name; in the kit without the folder that bare names are looked up in."""
    name = title.rpartition('/')[2]
    return printable(name if package and name and sage_flock.location(name) == title else title)


def _ordinal(number):
    ending = {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')
    return '%d%s' % (number, 'th' if number // 10 % 10 == 1 else ending)


def elided(command, other, room, dots):
    """`command` in `room` columns: of what goes, first what it has in common with the `other` one."""
    if len(command) <= room:
        return command
    words = command.split(' ')
    words[0] = words[0].split('/')[-1]
    own = _own_words(words, other)
    kept = set(own + [0])
    if len(_joined(words, kept, dots)) <= room:
        for i in range(len(words)):
            if len(_joined(words, kept | set([i]), dots)) <= room:
                kept.add(i)
        return _joined(words, kept, dots)
    parts = _own_parts(command, other)
    least = dots + dots.join(parts) + dots
    return least if len(least) <= room else terminal.cut(parts[-1], room, dots)


def beginning(command, room, dots):
    """The beginning of `command` in `room` columns, without the folder of its program if that must go."""
    if len(command) <= room:
        return command
    program, blank, rest = command.partition(' ')
    command = program.split('/')[-1] + blank + rest
    return command if len(command) <= room else command[:max(0, room - len(dots))].rstrip() + dots


def _own_parts(command, other):
    """The least that tells `command` from the `other` one: words, or parts of paths."""
    words = command.split(' ')
    own = _own_words(words, other)
    theirs = [one for one in other.split(' ') if one not in words]
    parts = []
    for part in [_own_part(words[i], theirs) for i in own]:
        if part not in parts:
            parts.append(part)
    return parts


def _own_words(words, other):
    """The numbers of those that the command `other` has not; of the last where there are none."""
    theirs = other.split(' ')
    return other and [i for i in range(1, len(words)) if words[i] not in theirs] or [len(words) - 1]


def _joined(words, kept, dots):
    """Those of the words whose numbers are `kept`, with dots for each gap."""
    line = []
    for i, word in enumerate(words):
        if i in kept:
            line.append(word)
        elif line[-1:] != [dots]:
            line.append(dots)
    return ' '.join(line)


def _own_part(word, others):
    """The path `word` without the ends that it has in common with one of the others."""
    for other in others:
        mine, theirs = word.split('/'), other.split('/')
        for end in (0, -1):
            while len(mine) > 1 and theirs and mine[end] == theirs[end]:
                mine.pop(end)
                theirs.pop(end)
        if len('/'.join(mine)) < len(word):
            return '/'.join(mine)
    return word


def _room():
    return max(_LEAST, terminal.columns(2) or 0)


def _say(pieces, room):
    """Write the pieces, pairs of a text and its style, as one line of at most `room` columns, in one write."""
    paint = terminal.painted if terminal.has_colours(2) else lambda text, style: text
    pieces = [(characters(text), style) for text, style in pieces]
    dots = terminal.dots() if sum([len(text) for text, _ in pieces]) > room else characters('')
    line, left = characters(''), room - len(dots)
    for text, style in pieces:
        line += paint(text[:left], style)
        left -= len(text[:left])
    line += dots
    write(2, terminal.encoded(line + '\n'))
