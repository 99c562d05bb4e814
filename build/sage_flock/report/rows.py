"""The rows of a timeline: one for each package, and for each process without one."""


class Row(object):
    """A label, and its calls in the order in which they asked."""

    def __init__(self, label):
        self.label = label
        self.calls = []


def rows(report):
    """The Rows of a Report, in the order in which they begin."""
    found = {}
    order = []
    for call in report.calls:
        key = call.package or (call.host, call.pid)
        if key not in found:
            label = call.package or '%s (%d)' % (call.command or 'shell', call.pid)
            found[key] = Row(label)
            order.append(found[key])
        found[key].calls.append(call)
    return order


def lanes(calls):
    """The calls that waited or held, in as few lists as possible; no two in a list overlap."""
    found = []
    for call in calls:
        span = extent(call)
        if not span:
            continue
        for lane in found:
            if extent(lane[-1])[1] <= span[0]:
                lane.append(call)
                break
        else:
            found.append([call])
    return found


def extent(call):
    """(from, to) of a call's wait and hold together; None if it has neither."""
    spans = [span for span in (call.wait(), call.hold()) if span]
    return (spans[0][0], spans[-1][1]) if spans else None
