// The data of the page, and which of it is shown. page.py writes the data;
// times are seconds since the first event.

const MOST_NAMED = 4;       // of the calls in a waiter's way

class Model {
    constructor(data) {
        Object.assign(this, data);
        this.calls.forEach((call, id) => {
            call.id = id;
            const spans = [call.wait, call.hold].filter(Boolean);
            call.from = spans.length ? spans[0][0] : call.asked;
            call.to = spans.length ? spans[spans.length - 1][1] : call.asked;
            call.got = call.hold ? call.hold[0] : call.to;
            call.waited = call.wait ? call.wait[1] - call.wait[0] : 0;
            call.lockName = this.locks[call.lock].name;
            call.who = call.package || this.rows[call.row];
            call.text = [call.who, call.lockName, call.command].join('\n').toLowerCase();
            call.build = firstFrom(this.builds, build => build[1] >= call.asked);
            call.failed = Boolean(call.status) || call.outcome === 'failed' || call.outcome === 'gave-up';
        });
        for (const call of this.calls) {
            if (call.server !== undefined) call.servedBy = this.calls[call.server].who;
        }
        this.length = this.calls.reduce((most, call) => Math.max(most, call.to), 0.001);
        this.length = this.builds.reduce((most, build) => Math.max(most, build[1]), this.length);
        this.contended = new Set([...this.locks.keys()].filter(i => this.locks[i].waits));
        this.links = this.makeLinks();
    }

    // A link for each pair of a waiter and a holder in its way: the two calls, and when they met.
    makeLinks() {
        const links = [];
        for (const call of this.calls) {
            if (!call.wait) continue;
            const holders = call.for.length ? call.for : call.by.slice(0, 1).map(pair => pair[0]);
            for (const id of holders) links.push(this.link(call, this.calls[id]));
        }
        return links.sort((a, b) => a.time - b.time);
    }

    link(call, holder) {
        const time = Math.min(Math.max(call.wait[0], holder.hold[0]), call.wait[1]);
        return {call, holder, time};
    }

    // Show the calls for `locks` (a Set of numbers), in one `build` or in all (undefined), that contain each word of
    // `text` and waited for `least` seconds or longer. With either of these, the calls in their way are drawn, too.
    show({locks, build, text = '', least = 0}) {
        const words = text.toLowerCase().split(/\s+/).filter(Boolean);
        for (const call of this.calls) {
            call.inReach = locks.has(call.lock) && (build === undefined || call.build === build);
            call.visible = call.inReach && call.waited >= least && words.every(word => call.text.includes(word));
            call.drawn = call.visible;
        }
        this.visible = this.calls.filter(call => call.visible);
        if (least || words.length) {
            for (const call of this.visible) {
                for (const other of this.inTheWay(call)) other.drawn = other.drawn || other.inReach;
            }
        }
        const waits = this.visible.filter(call => call.wait);
        this.levels = levels(waits, call => [[call.lent ? 'lent' : 'idle', call.wait]], ['lent', 'idle']);
        this.most = this.levels.reduce((top, level) => Math.max(top, level.lent + level.idle), 0);
    }

    // The calls that were in the way of a waiter.
    inTheWay(call) {
        return call.wait ? [...new Set(call.by.map(pair => pair[0]).concat(call.for))].map(id => this.calls[id]) : [];
    }
}

// How many items are of each kind, at each change. `spans` gives the spans in which an item is of a kind:
// [[kind, [from, to]]].
function levels(items, spans, kinds) {
    const changes = [];
    for (const item of items) {
        for (const [kind, [from, to]] of spans(item)) {
            if (to > from) changes.push({time: from, kind, step: 1}, {time: to, kind, step: -1});
        }
    }
    changes.sort((a, b) => a.time - b.time);
    const now = {};
    for (const kind of kinds) now[kind] = 0;
    const found = [{time: 0, ...now}];
    for (const change of changes) {
        now[change.kind] += change.step;
        if (change.time === found[found.length - 1].time) found.pop();
        found.push({time: change.time, ...now});
    }
    return found;
}

// The index of the first element that passes, in a list in which all after it pass, too.
function firstFrom(list, passes) {
    let low = 0, high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (passes(list[middle])) high = middle;
        else low = middle + 1;
    }
    return low;
}

// A length of time: three digits, but no finer than hundredths. seconds() in sums.py does the same.
function seconds(value) {
    const exact = Math.round(value * 1e4) / 1e4 + 1e-9;
    return exact.toFixed(exact < 9.995 ? 2 : exact < 99.95 ? 1 : 0) + ' s';
}

// A time, counted from the first event.
function moment(value) {
    return value.toFixed(2);
}

// How many calls were in the way of a waiter.
function blockers(call) {
    return call.by.length ? call.by.length + call.more : call.for.length || call.strangers.length;
}

// The mode of a call; of one in a pool, which of how many places it had.
function modeOf(call) {
    return call.mode + (call.place ? ', place ' + call.place : '') + (call.most ? ' of ' + call.most : '');
}

// A call as lines of [class, text], for the tip and for screen readers.
function describe(model, call) {
    const lines = [['who', call.who + ': ' + (call.command || 'a descriptor of a shell')]];
    lines.push(['lock', call.lockName + ', ' + modeOf(call)]);
    if (call.wait) {
        const slot = call.lent ? 'job slot lent' : 'job slot idle';
        lines.push(['wait', 'waited ' + span(call.wait) + ', ' + slot]);
    }
    if (call.hold) lines.push(['', 'held ' + span(call.hold)]);
    else if (call.nested) lines.push(['soft', 'an ancestor held it already']);
    const ending = ended(call);
    if (ending) lines.push([call.outcome === 'served' ? '' : 'bad', ending]);
    for (const text of call.wait ? inTheWay(model, call) : []) lines.push(['soft', text]);
    if (call.slot) {
        const [lent, overdrawn, lingered] = call.slot.map(seconds);
        lines.push(['soft', 'job slot lent ' + lent + ', overdrawn ' + overdrawn + ', lingered ' + lingered]);
    }
    lines.push(['soft', 'process ' + call.pid + (call.host ? ' on ' + call.host : '')]);
    return lines;
}

function span(pair) {
    return seconds(pair[1] - pair[0]) + ' (' + moment(pair[0]) + ' to ' + moment(pair[1]) + ')';
}

function inTheWay(model, call) {
    const named = id => model.calls[id].who + ': ' + (model.calls[id].command || 'a shell');
    const longest = call.by.slice(0, MOST_NAMED);
    const lines = longest.map(pair => 'for ' + named(pair[0]) + ', ' + seconds(pair[1]));
    const more = call.by.length - longest.length + call.more;
    if (more) lines.push('and ' + more + ' more');
    if (!lines.length) lines.push(...call.for.map(id => 'for ' + named(id)));
    if (!lines.length && call.strangers.length) lines.push('for process ' + call.strangers.join(', '));
    return lines;
}

function ended(call) {
    if (call.open) return 'no end in the log: killed, -F, or still running';
    if (call.outcome === 'gave-up') return 'gave up: not got in time';
    if (call.outcome === 'failed') return 'failed: ' + (call.why || '');
    if (call.outcome === 'served') return 'not run: ' + (call.servedBy || 'another call') + ' had done it';
    return call.status ? 'ended with status ' + call.status : '';
}
