// The data of the page, and where in the picture each call lies. report_page.py
// writes the data; times are seconds since the first event.

const LANE = 13, LANE_GAP = 2, ROW_PAD = 4;
const MOST_TOLD = 4;        // of those in a waiter's way

class Model {
    constructor(data) {
        Object.assign(this, data);
        this.calls.forEach((call, id) => {
            call.id = id;
            const spans = [call.wait, call.hold].filter(Boolean);
            call.from = spans.length ? spans[0][0] : call.asked;
            call.to = spans.length ? spans[spans.length - 1][1] : call.asked;
            call.lockName = this.locks[call.lock].name;
            call.who = call.package || this.rows[call.row];
        });
        for (const call of this.calls) {
            if (call.server !== undefined) call.servedBy = this.calls[call.server].who;
        }
        this.length = Math.max(0.001, ...this.builds.map(build => build[1]), this.latest());
        this.links = this.makeLinks();
        this.show(new Set(this.locks.keys()));
    }

    latest() {
        return this.calls.reduce((most, call) => Math.max(most, call.to), 0);
    }

    // One for each pair of a waiter and a holder that it met: when, and whose.
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

    // Lay out the calls of these locks (a Set of numbers): rows of lanes, in
    // which no two calls overlap.
    show(locks) {
        this.shown = locks;
        const rows = this.rows.map(label => ({label, lanes: []}));
        this.count = 0;
        for (const call of this.calls) {
            call.visible = locks.has(call.lock);
            if (call.visible) {
                this.count += 1;
                this.place(call, rows[call.row].lanes);
            }
        }
        this.layout = rows.filter(row => row.lanes.length);
        let y = 0;
        for (const row of this.layout) {
            row.y = y;
            row.height = 2 * ROW_PAD + row.lanes.length * (LANE + LANE_GAP) - LANE_GAP;
            row.lanes.forEach((lane, i) => {
                for (const call of lane) {
                    call.y = y + ROW_PAD + i * (LANE + LANE_GAP);
                    call.place = row;
                }
            });
            y += row.height;
        }
        this.height = y;
        this.levels = this.makeLevels();
        this.most = this.levels.reduce((top, level) => Math.max(top, level.lent + level.idle), 0);
    }

    place(call, lanes) {
        const lane = lanes.find(one => one[one.length - 1].to <= call.from && one[one.length - 1].from < call.from);
        if (lane) lane.push(call);
        else lanes.push([call]);
    }

    // How many wait, lent and not, from each moment to the next change.
    makeLevels() {
        const changes = [];
        for (const call of this.calls) {
            if (!call.visible || !call.wait) continue;
            const kind = call.lent ? 'lent' : 'idle';
            changes.push({time: call.wait[0], kind, step: 1}, {time: call.wait[1], kind, step: -1});
        }
        changes.sort((a, b) => a.time - b.time);
        const levels = [{time: 0, lent: 0, idle: 0}];
        for (const change of changes) {
            const last = levels[levels.length - 1];
            const next = {time: change.time, lent: last.lent, idle: last.idle};
            next[change.kind] += change.step;
            if (change.time === last.time) levels.pop();
            levels.push(next);
        }
        return levels;
    }

    rowAt(y) {
        const rows = this.layout;
        const row = rows[firstFrom(rows, one => one.y + one.height > y)];
        return row && row.y <= y ? row : null;
    }

    // The visible call nearest to a point of the picture, not farther than `slack` seconds.
    callAt(time, y, slack) {
        const row = this.rowAt(y);
        if (!row) return null;
        const number = Math.floor((y - row.y - ROW_PAD) / (LANE + LANE_GAP));
        const lane = row.lanes[Math.min(Math.max(number, 0), row.lanes.length - 1)];
        const at = firstFrom(lane, call => call.to >= time);
        let best = null, least = slack;
        for (const call of lane.slice(Math.max(0, at - 1), at + 2)) {
            const distance = Math.max(call.from - time, time - call.to, 0);
            if (distance <= least) {
                best = call;
                least = distance;
            }
        }
        return best;
    }

    // The visible calls of a row, by when they begin.
    inRow(row) {
        return [].concat(...row.lanes).sort((a, b) => a.from - b.from || a.y - b.y);
    }
}

// The index of the first element that passes, in a list where all behind it do, too.
function firstFrom(list, passes) {
    let low = 0, high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (passes(list[middle])) high = middle;
        else low = middle + 1;
    }
    return low;
}

function seconds(value) {
    return value.toFixed(2) + ' s';
}

// How many were in the way of a waiter.
function blockers(call) {
    return call.by.length ? call.by.length + call.more : call.for.length || call.strangers.length;
}

// A call in lines of [class, text]: the tip, and what a screen reader says.
function describe(model, call) {
    const lines = [['who', call.who], ['command', call.command || 'a descriptor of a shell']];
    lines.push(['lock', call.lockName + ', ' + call.mode]);
    if (call.wait) {
        const slot = call.lent ? 'job slot lent' : 'job slot idle';
        lines.push(['wait', 'waited ' + span(call.wait) + ', ' + slot]);
        for (const text of inTheWay(model, call)) lines.push(['soft', text]);
    }
    if (call.hold) lines.push(['', 'held ' + span(call.hold)]);
    else if (call.nested) lines.push(['soft', 'an ancestor held it already']);
    if (call.slot) {
        lines.push(['soft', 'job slot lent for ' + seconds(call.slot[0]) + ', overdrawn for ' + seconds(call.slot[1]) +
            ', lingered for ' + seconds(call.slot[2])]);
    }
    lines.push(['soft', 'process ' + call.pid + (call.host ? ' on ' + call.host : '')]);
    const ending = ended(call);
    if (ending) lines.push([call.outcome === 'served' ? '' : 'bad', ending]);
    return lines;
}

function span(pair) {
    return seconds(pair[1] - pair[0]) + ' (' + pair[0].toFixed(2) + ' to ' + pair[1].toFixed(2) + ')';
}

function inTheWay(model, call) {
    const named = id => model.calls[id].who + ': ' + (model.calls[id].command || 'a shell');
    const told = call.by.slice(0, MOST_TOLD);
    const lines = told.map(pair => 'for ' + named(pair[0]) + ', ' + seconds(pair[1]));
    const more = call.by.length - told.length + call.more;
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
