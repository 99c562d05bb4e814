// The graph of job slots: what the jobs did with them, over the time that the
// timeline shows. A job is a package, or a process without one; the log does
// not say what it does outside all locks.

const SLOT_KINDS = [        // from the bottom up: kind, text in the legend, pattern
    ['running', 'running', 'exclusive'], ['idle', 'idle: waits and keeps its slot', 'idle'],
    ['overdrawn', 'overdrawn: runs without a slot', 'overdrawn'],
    ['lent', 'lent: waits while another has its slot', 'lent'],
];
const SLOT_ORDER = ['lent', 'overdrawn', 'idle', 'running'];     // a job that is of several kinds counts as the first

class SlotGraph {
    constructor(model, timeline, canvas, said) {
        Object.assign(this, {model, timeline, canvas, said});
        const jobs = new Map();
        for (const call of model.calls) {
            if (!jobs.has(call.row)) jobs.set(call.row, []);
            jobs.get(call.row).push(...slotSpans(call));
        }
        this.kinds = SLOT_KINDS.map(kind => kind[0]);
        this.levels = levels([...jobs.values()].map(strongest), spans => spans, this.kinds);
        this.sums = this.addUp();
        this.most = this.levels.reduce((top, level) => Math.max(top, this.sum(level)), 1);
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
            this.fillLegend(this.legend);       // the timeline has the new colours by now
            this.redraw();
        });
        canvas.addEventListener('pointermove', event => this.point(event.offsetX));
        canvas.addEventListener('pointerleave', () => this.sayAverage());
    }

    fillLegend(list) {
        this.legend = list;
        list.replaceChildren(...SLOT_KINDS.map(([, text, fill]) => {
            const item = element('li');
            item.append(this.timeline.sample(fill), text);
            return item;
        }));
    }

    redraw() {
        if (this.due) return;
        this.due = requestAnimationFrame(() => {
            this.due = 0;
            this.draw();
        });
    }

    sum(level) {
        return this.kinds.reduce((all, kind) => all + level[kind], 0);
    }

    // Job-seconds of each kind up to each change.
    addUp() {
        let sums = this.kinds.map(() => 0);
        return this.levels.map((level, i) => {
            const before = this.levels[Math.max(0, i - 1)], length = level.time - before.time;
            sums = sums.map((sum, k) => sum + before[this.kinds[k]] * length);
            return sums;
        });
    }

    // The same up to any time.
    upTo(time) {
        const i = Math.max(0, firstFrom(this.levels, level => level.time > time) - 1);
        const level = this.levels[i], length = Math.max(0, time - level.time);
        return this.sums[i].map((sum, k) => sum + level[this.kinds[k]] * length);
    }

    // The average number of jobs of each kind between two times, from upTo() of both.
    average(before, after, length) {
        return after.map((sum, k) => (sum - before[k]) / length);
    }

    draw() {
        const {timeline, canvas} = this, {ratio, colours} = timeline, context = canvas.getContext('2d');
        const width = timeline.width, height = canvas.clientHeight, {gutter} = timeline;
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.fillStyle = colours.panel;
        context.fillRect(0, 0, width, height);
        const y = count => height - 4 - count * (height - 16) / this.most;
        this.drawScale(context, y, width);
        const columns = [];
        for (let x = gutter, before = this.upTo(timeline.time(x)); x < width; x += 1) {
            const after = this.upTo(timeline.time(x + 1));
            columns.push(this.average(before, after, 1 / timeline.pixels));
            before = after;
        }
        const below = columns.map(() => 0);
        SLOT_KINDS.forEach(([, , fill], kind) => {
            context.beginPath();
            context.moveTo(gutter, y(below[0]));
            const above = columns.map((column, i) => below[i] + column[kind]);
            above.forEach((count, i) => {
                context.lineTo(gutter + i, y(count));
                context.lineTo(gutter + i + 1, y(count));
            });
            for (let i = above.length - 1; i >= 0; i -= 1) {
                context.lineTo(gutter + i + 1, y(below[i]));
                context.lineTo(gutter + i, y(below[i]));
                below[i] = above[i];
            }
            context.fillStyle = timeline.fills[fill];
            context.fill();
        });
        context.fillStyle = colours.line;
        context.fillRect(gutter - 1, 0, 1, height);
        this.sayAverage();
    }

    drawScale(context, y, width) {
        const {timeline} = this, step = niceStep(Math.max(1, this.most / 4));
        context.font = '11px system-ui, sans-serif';
        context.textBaseline = 'middle';
        context.textAlign = 'right';
        for (let count = 0; count <= this.most; count += step) {
            context.fillStyle = timeline.colours.line;
            context.fillRect(timeline.gutter, Math.round(y(count)), width, 1);
            context.fillStyle = timeline.colours.soft;
            context.fillText(String(count), timeline.gutter - 8, y(count) - (count ? 0 : 4));
        }
        context.textAlign = 'left';
        context.fillText('jobs', 9, y(this.most));
    }

    point(x) {
        const time = this.timeline.time(x);
        if (x < this.timeline.gutter) this.sayAverage();
        else this.say('at ' + moment(time) + ' s', time, time + 1e-6, 0);
    }

    sayAverage() {
        const [from, to] = this.timeline.view;
        this.say('on average', Math.max(0, from), Math.min(this.model.length, to), 1);
    }

    say(when, from, to, digits) {
        const counts = this.average(this.upTo(from), this.upTo(to), to - from);
        const text = when + ': ' + this.kinds.map((kind, k) => counts[k].toFixed(digits) + ' ' + kind).join(', ');
        if (this.said.textContent !== text) this.said.textContent = text;
        this.canvas.ariaLabel = 'Graph of jobs over time; ' + text;
    }
}

// What a call's job did: [[kind, [from, to]]]. A slot may still be lent when the lock is got: the call then holds the
// lock, and waits for the slot before it runs its command.
function slotSpans(call) {
    const spans = call.hold ? [['running', call.hold]] : [];
    if (!call.wait) return spans;
    const [lent, overdrawn, lingered] = call.slot || [call.lent ? call.waited : 0, 0, 0];
    const goes = Math.max(call.wait[1], call.wait[0] + lent), began = goes - lent;
    spans.push(['idle', [call.wait[0], began]], ['lent', [began, goes]]);
    spans.push(['overdrawn', [goes, goes + overdrawn]], ['lent', [call.to, call.to + lingered]]);
    return spans;
}

// The spans of a job, without overlaps: where several overlap, the first kind in SLOT_ORDER counts.
function strongest(spans) {
    const found = [], steps = levels([spans], one => one, SLOT_ORDER);
    for (let i = 0; i + 1 < steps.length; i += 1) {
        const kind = SLOT_ORDER.find(one => steps[i][one]);
        if (kind) found.push([kind, [steps[i].time, steps[i + 1].time]]);
    }
    return found;
}
