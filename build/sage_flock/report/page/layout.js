// Where in the picture each call lies. A row has a label and lanes of bars; no
// two bars of a lane overlap. A bar stands for a call: in the view by package
// for its wait and its hold, in the view by lock for one of the two.

const LANE_GAP = 2, ROW_PAD = 3;
const THICKEST = 20, THINNEST = 5;      // pixels of a lane
const LEAST_LABELLED = 11;              // pixels of the thinnest lane with names on its bars

class Layout {
    // Lay out what `model` shows, by 'packages' or by 'locks', in `room` pixels of height if it fits.
    constructor(model, by, room) {
        this.by = by;
        this.packed = false;
        for (const call of model.calls) call.bars = [];
        const calls = model.calls.filter(call => call.drawn);
        this.rows = by === 'locks' ? lockRows(model, calls) : packageRows(model, calls);
        if (by === 'packages' && this.tall(13) > room && this.rows.length > 1) {
            const packed = packedRows(this.rows);
            this.packed = packed.length < this.rows.length;
            if (this.packed) this.rows = packed;
        }
        this.lane = THICKEST;
        while (this.lane > THINNEST && this.tall(this.lane) > room) this.lane -= 1;
        if (this.tall(this.lane) > room) this.lane = LEAST_LABELLED;    // it must be scrolled anyway, so show names
        this.place();
    }

    // The height of all rows, with lanes of so many pixels.
    tall(lane) {
        return this.rows.reduce((sum, row) => sum + rowHeight(row, lane), 0);
    }

    place() {
        let y = 0;
        for (const row of this.rows) {
            row.y = y;
            row.height = rowHeight(row, this.lane);
            row.lanes.forEach((bars, i) => {
                for (const bar of bars) {
                    bar.y = y + ROW_PAD + i * (this.lane + LANE_GAP);
                    bar.row = row;
                    bar.call.bars.push(bar);
                }
            });
            y += row.height;
        }
        this.height = y;
        for (const row of this.rows) {
            row.steps = [].concat(...row.lanes).filter(bar => bar.call.visible);
            row.steps.sort((a, b) => a.from - b.from || a.y - b.y);
        }
    }

    rowAt(y) {
        const row = this.rows[firstFrom(this.rows, one => one.y + one.height > y)];
        return row && row.y <= y ? row : null;
    }

    // The bar nearest to a point of the picture, not farther than `slack` seconds.
    barAt(time, y, slack) {
        const row = this.rowAt(y);
        if (!row) return null;
        const number = Math.floor((y - row.y - ROW_PAD) / (this.lane + LANE_GAP));
        const lane = row.lanes[Math.min(Math.max(number, 0), row.lanes.length - 1)];
        const at = firstFrom(lane, bar => bar.to >= time);
        let best = null, least = slack;
        for (const bar of lane.slice(Math.max(0, at - 1), at + 2)) {
            const distance = Math.max(bar.from - time, time - bar.to, 0);
            if (distance <= least) {
                best = bar;
                least = distance;
            }
        }
        return best;
    }
}

function rowHeight(row, lane) {
    return 2 * ROW_PAD + row.lanes.length * (lane + LANE_GAP) - LANE_GAP;
}

// A row for each package, in the order in which they got locks that others wanted, too.
function packageRows(model, calls) {
    const rows = new Map();
    for (const call of calls) {
        if (!rows.has(call.row)) rows.set(call.row, {label: model.rows[call.row], calls: []});
        rows.get(call.row).calls.push(call);
    }
    for (const row of rows.values()) {
        const wanted = row.calls.filter(call => model.contended.has(call.lock) && call.visible);
        row.got = earliest(wanted.length ? wanted : row.calls, 'got');
        row.lanes = [];
        for (const call of row.calls) fit(row.lanes, barOf(call));
    }
    return [...rows.values()].sort((a, b) => a.got - b.got);
}

// A row for each lock: the queue, the first in line lowest, and below it the holders.
function lockRows(model, calls) {
    const rows = model.locks.map(lock => ({label: lock.name, holds: [], queue: []}));
    for (const call of calls) {
        const {holds, queue} = rows[call.lock];
        if (call.wait && call.visible) fit(queue, {call, from: call.wait[0], to: call.wait[1], wait: true});
        if (call.hold) holds.push({call, from: call.hold[0], to: call.hold[1], hold: true});
        else if (!call.wait) holds.push({call, from: call.from, to: call.to});
    }
    for (const row of rows) {
        const holders = [];
        for (const bar of row.holds.sort((a, b) => a.from - b.from)) fit(holders, bar);
        row.waiters = row.queue.length;
        row.lanes = row.queue.reverse().concat(holders);
    }
    return rows.filter(row => row.lanes.length);
}

// Packages that do not overlap in time share a row.
function packedRows(rows) {
    const groups = [];
    for (const row of rows) {
        const builds = new Map();
        for (const bar of [].concat(...row.lanes)) {
            const {build} = bar.call;
            if (!builds.has(build)) builds.set(build, {label: row.label, got: row.got, bars: []});
            builds.get(build).bars.push(bar);
        }
        groups.push(...builds.values());
    }
    for (const group of groups) {
        group.from = earliest(group.bars, 'from');
        group.to = group.bars.reduce((most, bar) => Math.max(most, bar.to), group.from);
        group.lanes = [];
        for (const bar of group.bars.sort((a, b) => a.from - b.from)) fit(group.lanes, bar);
    }
    const tracks = [];
    for (const group of groups.sort((a, b) => a.from - b.from)) fit(tracks, group);
    return tracks.sort((a, b) => a[0].got - b[0].got).map(track => {
        const lanes = [];
        for (const group of track) group.lanes.forEach((bars, i) => (lanes[i] = lanes[i] || []).push(...bars));
        return {groups: track, lanes};
    });
}

// The bar of a call. If it is drawn only because another call waited for it, its own wait is left out.
function barOf(call) {
    const whole = call.visible || !call.hold;
    const from = whole ? call.from : call.hold[0];
    return {call, from, to: call.to, wait: Boolean(call.wait) && whole, hold: Boolean(call.hold)};
}

function earliest(list, key) {
    return list.reduce((least, one) => Math.min(least, one[key]), Infinity);
}

// Put a span into the first lane that is free at its start.
function fit(lanes, one) {
    const lane = lanes.find(list => list[list.length - 1].to <= one.from && list[list.length - 1].from < one.from);
    if (lane) lane.push(one);
    else lanes.push([one]);
}
