"""Exhaustive search: every state that a model can reach, breadth first.

A model is an object with

    start           its first state, any value that can be hashed
    steps(state)    a list of (name, state): every step that may come next
    wrong(state)    what is wrong with the state, in words, or None
    ended(state)    has everything ended well?

A state without steps that has not ended is a deadlock.  A state from which no
way leads to an end is as bad, and is found, too.  The shortest way to the
first error is printed, step by step.
"""


class Found(object):
    """What a search came to.

    states    how many there are
    trouble   what is wrong with the model, None if nothing
    way       the names of the steps that lead there
    """

    def __init__(self, states, trouble=None, way=()):
        self.states = states
        self.trouble = trouble
        self.way = list(way)


def search(model):
    """Look at every state of `model`: Found."""
    states = [model.start]
    number = {model.start: 0}
    came = [(None, None)]           # by which step, from which state
    before = [[]]                   # all states that lead to this one
    ends = []
    at = 0
    while at < len(states):
        state = states[at]
        trouble = model.wrong(state)
        steps = model.steps(state)
        if model.ended(state):
            ends.append(at)
        elif not steps:
            trouble = trouble or 'deadlock'
        if trouble:
            return Found(len(states), trouble, _way(came, at))
        for name, after in steps:
            if after not in number:
                number[after] = len(states)
                states.append(after)
                came.append((name, at))
                before.append([])
            before[number[after]].append(at)
        at += 1
    lost = _never_ending(before, ends)
    if lost is not None:
        return Found(len(states), 'no way leads to an end', _way(came, lost))
    return Found(len(states))


def _never_ending(before, ends):
    """The first state from which none of `ends` can be reached, or None."""
    can = [False] * len(before)
    todo = list(ends)
    for at in ends:
        can[at] = True
    while todo:
        for earlier in before[todo.pop()]:
            if not can[earlier]:
                can[earlier] = True
                todo.append(earlier)
    for at in range(len(can)):
        if not can[at]:
            return at
    return None


def _way(came, at):
    names = []
    while at:
        name, at = came[at]
        names.append(name)
    names.reverse()
    return names


def report(cases):
    """Search each of `cases`, (title, model, whether it must be sound); one
    line each.  The number of cases that came out otherwise than they must."""
    surprises = 0
    for title, model, sound in cases:
        found = search(model)
        if sound == (found.trouble is None):
            verdict = 'sound' if sound else 'caught'
        else:
            verdict = 'NOT SOUND' if sound else 'NOT CAUGHT'
            surprises += 1
        print('%-10s %7d states  %s%s' % (verdict, found.states, title,
                                          ': ' + found.trouble if found.trouble else ''))
        if found.trouble and sound:
            for name in found.way:
                print('    ' + name)
    return surprises
