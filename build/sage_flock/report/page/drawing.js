// The picture: a canvas that draws only what is in view, so that it stays fluid
// with many thousands of calls. It is never taller than the window. If the rows
// are, `rest` below it makes the page as long as they need, and the canvas
// stays in the window while the page is scrolled.

const OVERVIEW = 38, AXIS = 22, TOP = OVERVIEW + AXIS;
const MARGIN = 8;           // pixels below the rows
const LINK_ROOM = 5;        // pixels that a link needs at least
const SAMPLE = 13;          // the height of a bar in the legend

class Drawing {
    constructor(model, parts) {
        Object.assign(this, parts);
        this.model = model;
        this.by = 'packages';
        this.home = [0, model.length];
        this.view = [0, model.length];
        this.hover = this.picked = null;    // the bars under the pointer and kept in view
        this.top = 0;
        this.forgetBars();
        this.widths = new Map();
        this.context = this.canvas.getContext('2d', {alpha: false});
        this.readColours();
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.readColours());
    }

    // ---- Colours and patterns

    readColours() {
        const style = getComputedStyle(document.documentElement);
        this.colour = name => style.getPropertyValue('--' + name).trim();
        this.colours = {};
        for (const name of ['panel', 'band', 'line', 'fore', 'soft', 'wait', 'wait-back', 'wait-text', 'hold', 'hold-text',
            'share', 'share-back', 'share-text', 'link', 'bad', 'pick']) {
            this.colours[name] = this.colour(name);
        }
        this.makePatterns();
        if (this.legend) this.fillLegend(this.legend);
        this.redraw();
    }

    makePatterns() {
        this.overview = null;
        const c = this.colours;
        this.ratio = window.devicePixelRatio || 1;
        const stripes = (context, size) => {
            for (const x of [-size, 0, size]) {
                context.moveTo(x, size);
                context.lineTo(x + size, 0);
            }
        };
        this.fills = {
            idle: this.pattern(7, c['wait-back'], c.wait, 2.4, stripes),
            lent: this.pattern(10, '', c.wait, 0.7, stripes),
            shared: this.pattern(5, c['share-back'], c.share, 1.6, (context, size) => {
                context.moveTo(size / 2, 0);
                context.lineTo(size / 2, size);
            }),
            exclusive: c.hold,
            overdrawn: this.pattern(5, c.panel, c.link, 2, (context, size) => {
                context.moveTo(0, size / 2);
                context.lineTo(size, size / 2);
            }),
            failed: this.pattern(8, c.panel, c.bad, 1.6, (context, size) => {
                stripes(context, size);
                for (const x of [-size, 0, size]) {
                    context.moveTo(x, 0);
                    context.lineTo(x + size, size);
                }
            }),
        };
        this.edges = {idle: c.wait, lent: c.wait, shared: c.share, exclusive: c.hold, failed: c.bad, overdrawn: c.link};
    }

    // A tile of `size` pixels, sharp on this screen.
    pattern(size, back, ink, width, path) {
        const tile = document.createElement('canvas');
        tile.width = tile.height = Math.round(size * this.ratio);
        const scale = tile.width / size;
        const context = tile.getContext('2d');
        context.scale(scale, scale);
        if (back) {
            context.fillStyle = back;
            context.fillRect(0, 0, size, size);
        }
        context.strokeStyle = ink;
        context.lineWidth = width;
        context.beginPath();
        path(context, size);
        context.stroke();
        const made = this.context.createPattern(tile, 'repeat');
        made.setTransform(new DOMMatrix().scale(1 / scale));
        return made;
    }

    fillLegend(list) {
        this.legend = list;
        const items = [['exclusive', 'holds, exclusive'], ['shared', 'holds, shared'], ['idle', 'waits, job slot idle'],
            ['lent', 'waits, job slot lent'], ['link', 'whom it waits for'], ['failed', 'failed'],
            ['gave-up', 'gave up'], ['open', 'no end in the log']];
        list.replaceChildren(...items.map(([kind, text]) => {
            const item = document.createElement('li');
            item.append(this.sample(kind), text);
            return item;
        }));
    }

    sample(kind) {
        const canvas = document.createElement('canvas');
        canvas.width = 34 * this.ratio;
        canvas.height = 14 * this.ratio;
        const drawing = this.context;
        this.context = canvas.getContext('2d');
        this.context.scale(this.ratio, this.ratio);
        if (kind === 'link') this.drawLink(17, 12, 2, 1);
        else this.bar({open: 'exclusive', 'gave-up': 'idle'}[kind] || kind, 0, kind === 'open' ? 20 : 34, 0);
        this.paintBars(SAMPLE);
        if (kind === 'open') this.drawOpenEnd(20, 0, SAMPLE);
        if (kind === 'failed' || kind === 'gave-up') this.drawFailure(34, 0, SAMPLE);
        this.context = drawing;
        return canvas;
    }

    // ---- Geometry

    get gutter() {
        return Math.min(190, this.width * 0.22);
    }

    x(time) {
        return this.gutter + (time - this.view[0]) * this.pixels;
    }

    get pixels() {
        return (this.width - this.gutter) / (this.view[1] - this.view[0]);
    }

    time(x) {
        return this.view[0] + (x - this.gutter) / this.pixels;
    }

    y(bar) {
        return TOP + bar.y - this.top;
    }

    get lane() {
        return this.layout.lane;
    }

    // The bar in which a call waits, and the one in which it holds: the same, or two.
    waiting(call) {
        return call.bars.find(bar => bar.wait);
    }

    holding(call) {
        return call.bars.find(bar => bar.hold);
    }

    // How many pixels of the rows are scrolled out of the window.
    scrolled() {
        return Math.min(Math.max(0, -this.frame.getBoundingClientRect().top), this.over);
    }

    scrollRows(top) {
        const start = window.scrollY + this.frame.getBoundingClientRect().top;
        if (this.over) window.scrollTo(0, start + Math.min(Math.max(top, 0), this.over));
    }

    // Lay the calls out for this size of the window: in the part below the picture's top, or in half of the window if
    // that part is smaller.
    resize() {
        this.overview = null;
        this.width = this.frame.clientWidth;
        const above = this.frame.getBoundingClientRect().top + window.scrollY + this.dock.offsetHeight;
        const room = Math.max(innerHeight - above, innerHeight / 2) - TOP - 2 * MARGIN;
        this.layout = new Layout(this.model, this.by, room);
        const whole = TOP + this.layout.height + MARGIN;
        this.tall = Math.max(120, Math.min(whole, innerHeight - this.dock.offsetHeight - MARGIN));
        this.over = Math.max(0, whole - this.tall);
        this.rest.style.height = this.over + 'px';
        this.canvas.style.height = this.tall + 'px';
        if ((window.devicePixelRatio || 1) !== this.ratio) this.makePatterns();
        this.canvas.width = Math.round(this.width * this.ratio);
        this.canvas.height = Math.round(this.tall * this.ratio);
        this.draw();
    }

    // ---- Drawing

    redraw() {
        if (this.due) return;
        this.due = requestAnimationFrame(() => {
            this.due = 0;
            this.draw();
        });
    }

    draw() {
        if (!this.width) return;
        const context = this.context, c = this.colours;
        this.top = this.scrolled();     // only once: it may make the browser lay out the page
        context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
        context.imageSmoothingEnabled = false;      // draw patterns pixel for pixel
        context.font = '11px system-ui, sans-serif';
        context.textBaseline = 'middle';
        context.fillStyle = c.panel;
        context.fillRect(0, 0, this.width, this.tall);
        const chosen = this.hover || this.picked;
        this.clipped(0, TOP, () => this.drawBands());
        this.clipped(this.gutter, TOP, () => {
            this.drawGrid();
            this.labels = [];
            this.marks = [];
            this.eachRow(row => row.lanes.forEach(lane => this.drawLane(lane)));
            this.paintBars();
            for (const mark of this.marks) mark();
            this.drawLinks();
            for (const label of this.labels) this.write(...label);
            if (chosen) this.drawChosen(chosen);
        });
        this.drawAxis();
        this.drawOverview();
        context.fillStyle = c.line;
        context.fillRect(this.gutter - 1, 0, 1, this.tall);
        context.fillRect(0, TOP - 1, this.width, 1);
    }

    clipped(x, y, paint) {
        this.context.save();
        this.context.beginPath();
        this.context.rect(x, y, this.width - x, this.tall - y);
        this.context.clip();
        paint();
        this.context.restore();
    }

    eachRow(paint) {
        const {rows} = this.layout, {top} = this;
        const bottom = top + this.tall - TOP;
        for (let i = firstFrom(rows, row => row.y + row.height > top); i < rows.length && rows[i].y < bottom; i += 1) {
            paint(rows[i], i);
        }
    }

    drawBands() {
        const context = this.context, c = this.colours;
        const chosen = this.hover || this.picked;
        this.eachRow((row, i) => {
            const y = TOP + row.y - this.top;
            if (i % 2) {
                context.fillStyle = c.band;
                context.fillRect(0, y, this.width, row.height);
            }
            context.font = (chosen && chosen.row === row ? '600 ' : '') + '12px system-ui, sans-serif';
            context.fillStyle = c.fore;
            if (row.height > LEAST_LABELLED) {
                context.fillText(this.fitted(this.rowLabel(row), this.gutter - 18), 9, y + row.height / 2 + 0.5);
            }
            if (!row.waiters) return;
            context.fillStyle = c.soft;     // a line between the queue and the holders
            context.fillRect(this.gutter, y + ROW_PAD + row.waiters * (this.lane + LANE_GAP) - LANE_GAP, this.width, 1);
        });
        context.font = '11px system-ui, sans-serif';
    }

    // For a row of several packages: the one in view, or how many are in view.
    rowLabel(row) {
        if (!row.groups) return row.label;
        const from = firstFrom(row.groups, group => group.to >= this.view[0]);
        const to = firstFrom(row.groups, group => group.from > this.view[1]);
        return to - from === 1 ? row.groups[from].label : to > from ? to - from + ' in turn' : '';
    }

    // `text`, cut to a width in pixels.
    fitted(text, width) {
        if (this.measured(text) <= width) return text;
        let low = 0, high = text.length;
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (this.measured(text.slice(0, middle) + '\u2026') <= width) low = middle;
            else high = middle - 1;
        }
        return text.slice(0, low) + '\u2026';
    }

    // The width of a text, remembered: there are few texts, and measuring one costs more than drawing it.
    measured(text) {
        const key = this.context.font + text;
        if (!this.widths.has(key)) this.widths.set(key, this.context.measureText(text).width);
        return this.widths.get(key);
    }

    ticks() {
        const step = niceStep(90 / this.pixels);
        const ticks = [];
        for (let i = Math.max(0, Math.ceil(this.view[0] / step)); i * step <= Math.min(this.view[1], this.model.length); i += 1) {
            ticks.push(i * step);
        }
        return [ticks, step];
    }

    drawGrid() {
        this.context.fillStyle = this.colours.line;
        for (const time of this.ticks()[0]) this.context.fillRect(Math.round(this.x(time)), TOP, 1, this.tall);
    }

    drawAxis() {
        const context = this.context;
        const [ticks, step] = this.ticks();
        context.fillStyle = this.colours.soft;
        for (const time of ticks) {
            const x = Math.round(this.x(time));
            if (x >= this.gutter) context.fillRect(x, OVERVIEW + 6, 1, AXIS - 6);
            if (x >= this.gutter && x < this.width - 22) context.fillText(clock(time, step), x + 4, OVERVIEW + AXIS / 2);
        }
    }

    drawLane(lane) {
        const edge = this.view[1];
        const at = firstFrom(lane, bar => bar.to >= this.view[0]);
        let covered = -1;       // everything left of this is drawn already
        for (let i = at; i < lane.length && lane[i].from <= edge; i += 1) {
            const right = this.x(lane[i].to);
            if (right < covered) continue;
            this.drawBar(lane[i]);
            covered = right + 0.4;
        }
    }

    drawBar(bar) {
        const {call} = bar, y = this.y(bar);
        if (!bar.wait && !bar.hold) {
            this.context.fillStyle = this.colours.soft;
            this.context.fillRect(this.x(bar.from) - 1, y + 2, 2, this.lane - 4);
        }
        if (bar.wait) this.drawPart(call, call.wait, call.lent ? 'lent' : 'idle', y);
        if (bar.hold) this.drawPart(call, call.hold, call.failed ? 'failed' : this.mode(call), y);
        if (!bar.hold && call.hold) return;     // the call ends in another bar
        if (call.open) this.marks.push(() => this.drawOpenEnd(this.x(bar.to), y, this.lane));
        else if (call.failed) this.marks.push(() => this.drawFailure(this.x(bar.to), y, this.lane));
    }

    mode(call) {
        return call.mode === 'exclusive' ? 'exclusive' : 'shared';
    }

    drawPart(call, part, kind, y) {
        const left = Math.max(this.x(part[0]), this.gutter - 20), right = Math.min(this.x(part[1]), this.width + 20);
        this.bar(kind, left, right, y);
        const start = Math.max(left, this.gutter), room = right - start - 10;
        if (room <= 24 || this.lane < LEAST_LABELLED) return;
        this.labels.push([this.barLabel(call, part), kind, start + 5, y, room]);
    }

    // What the row does not say: package, lock or both; if it says both, how long this part took.
    barLabel(call, part) {
        if (this.by === 'locks') return call.who;
        if (!this.layout.packed) return this.oneLock ? seconds(part[1] - part[0]) : call.lockName;
        return this.oneLock ? call.who : call.who + ' \u00b7 ' + call.lockName;
    }

    // Collect bars, to paint one kind after the other in whole pixels: anything else takes many times as long.
    bar(kind, left, right, y) {
        const x = Math.round(left);
        this.bars[kind].push([x, y, Math.max(Math.round(right) - x, 1)]);
    }

    paintBars(tall = this.lane) {
        const context = this.context;
        for (const [kind, bars] of Object.entries(this.bars)) {
            context.fillStyle = this.edges[kind];
            for (const [x, y, width] of bars) {
                if (width <= 6 || kind === 'exclusive') context.fillRect(x, y, width, tall);
            }
            if (kind === 'exclusive') continue;
            context.fillStyle = this.fills[kind];
            const wide = bars.filter(bar => bar[2] > 6);
            for (const [x, y, width] of wide) context.fillRect(x, y, width, tall);
            context.strokeStyle = this.edges[kind];
            for (const [x, y, width] of wide) context.strokeRect(x + 0.5, y + 0.5, width - 1, tall - 1);
        }
        this.forgetBars();
    }

    forgetBars() {
        // Waits come last, so that they are seen where many bars share a pixel.
        this.bars = {exclusive: [], shared: [], failed: [], overdrawn: [], lent: [], idle: []};
    }

    // A name on a bar, on a plate that keeps it clear of patterns and lines.
    write(text, kind, x, y, room) {
        const context = this.context, c = this.colours;
        const shown = this.fitted(text, room - 4);
        if (shown !== text && shown.length < 9) return;
        context.fillStyle = {exclusive: c.hold, shared: c['share-back'], idle: c['wait-back']}[kind] || c.panel;
        context.fillRect(x - 2, y + 1.5, this.measured(shown) + 4, this.lane - 3);
        context.fillStyle = kind === 'exclusive' ? c['hold-text'] : kind === 'shared' ? c['share-text']
            : kind === 'idle' ? c['wait-text'] : c.fore;
        context.fillText(shown, x, y + this.lane / 2 + 0.5);
    }

    drawOpenEnd(x, y, tall) {
        const context = this.context;
        context.strokeStyle = this.colours.bad;
        context.lineWidth = 1.5;
        context.beginPath();
        context.moveTo(x, y);
        for (let i = 1; i <= 4; i += 1) context.lineTo(x + (i % 2 ? 5 : 0), y + i * tall / 4);
        context.stroke();
        context.lineWidth = 1;
    }

    // A cross on a plate at the end of a failed call: it needs no colours to be seen.
    drawFailure(right, y, tall) {
        const context = this.context, arm = Math.min(tall, 14) / 2 - 2.5, x = right - arm - 3, middle = y + tall / 2;
        if (arm < 1) return;
        context.fillStyle = this.colours.panel;
        context.fillRect(x - arm - 2, middle - arm - 2, 2 * arm + 4, 2 * arm + 4);
        context.strokeStyle = this.colours.bad;
        context.lineWidth = 2;
        context.beginPath();
        for (const side of [-1, 1]) {
            context.moveTo(x - arm, middle - side * arm);
            context.lineTo(x + arm, middle + side * arm);
        }
        context.stroke();
        context.lineWidth = 1;
    }

    // Lines from each waiter to the holder in its way, where the dot is; none if there are too many to follow.
    drawLinks() {
        const {links} = this.model, context = this.context;
        const at = firstFrom(links, link => link.time >= this.view[0]);
        const end = firstFrom(links, link => link.time > this.view[1]);
        if (end - at > (this.width - this.gutter) / LINK_ROOM) return;
        context.globalAlpha = 0.75;
        context.fillStyle = this.colours.link;
        for (const {call, holder, time} of links.slice(at, end)) {
            if (!call.visible || !holder.drawn) continue;
            const x = Math.round(this.x(time)), half = this.lane / 2;
            const y = this.y(this.waiting(call)) + half, to = this.y(this.holding(holder)) + half;
            if (Math.max(y, to) < TOP || Math.min(y, to) > this.tall) continue;
            context.fillRect(x, Math.round(Math.min(y, to)), 1, Math.round(Math.abs(to - y)));
            context.fillRect(x - 2, Math.round(to) - 2, 5, 5);
        }
        context.globalAlpha = 1;
    }

    drawLink(x, from, to, width) {
        const context = this.context;
        context.strokeStyle = context.fillStyle = this.colours.link;
        context.lineWidth = width;
        context.beginPath();
        context.moveTo(x, from);
        context.lineTo(x, to);
        context.stroke();
        context.beginPath();
        context.arc(x, to, 2 + width / 2, 0, 7);
        context.fill();
        context.lineWidth = 1;
    }

    // Outline the call and all calls that were in its way, each linked to it where they met.
    drawChosen({call}) {
        for (const holder of this.model.inTheWay(call).filter(other => other.drawn)) {
            this.outline(this.holding(holder), holder.hold, this.colours.link, 2);
            const {time} = this.model.link(call, holder), half = this.lane / 2;
            const from = this.y(this.waiting(call)) + half, to = this.y(this.holding(holder)) + half;
            this.drawLink(this.x(time), from, to, 2);
        }
        for (const bar of call.bars) this.outline(bar, [bar.from, bar.to], this.colours.pick, 2.5);
    }

    outline(bar, part, colour, thick) {
        const left = Math.max(this.x(part[0]), this.gutter - 20), right = Math.min(this.x(part[1]), this.width + 20);
        this.context.strokeStyle = colour;
        this.context.lineWidth = thick;
        const width = Math.max(right - left, 2) + 2;
        if (right > left - 1) this.context.strokeRect(left - 1, this.y(bar) - 1, width, this.lane + 2);
        this.context.lineWidth = 1;
    }

    // How many calls wait, over the whole time, and which part of it is in view.
    drawOverview() {
        const context = this.context, c = this.colours;
        const x = time => this.gutter + (time - this.home[0]) * (this.width - this.gutter) / (this.home[1] - this.home[0]);
        if (!this.overview) this.overview = this.paintOverview();
        context.drawImage(this.overview, this.gutter, 0, this.width - this.gutter, OVERVIEW);
        const most = this.model.most;
        context.fillStyle = c.soft;
        const label = most ? '\u2264 ' + most + ' wait' : 'nobody waits';
        context.fillText(this.fitted(label, this.gutter - 12), 9, OVERVIEW / 2);
        const left = Math.min(Math.max(x(this.view[0]), this.gutter), this.width);
        const right = Math.min(Math.max(x(this.view[1]), this.gutter), this.width);
        context.globalAlpha = 0.22;
        context.fillRect(this.gutter, 0, left - this.gutter, OVERVIEW);
        context.fillRect(right, 0, this.width - right, OVERVIEW);
        context.globalAlpha = 1;
        context.fillStyle = c.line;
        context.fillRect(0, OVERVIEW, this.width, 1);
    }

    // The overview's picture, kept until the calls, the size or the colours change.
    paintOverview() {
        const {levels} = this.model, width = Math.max(1, this.width - this.gutter);
        const canvas = document.createElement('canvas');
        canvas.width = Math.round(width * this.ratio);
        canvas.height = Math.round(OVERVIEW * this.ratio);
        const context = canvas.getContext('2d');
        context.scale(canvas.width / width, canvas.height / OVERVIEW);
        const x = time => (time - this.home[0]) * width / (this.home[1] - this.home[0]);
        const tall = (OVERVIEW - 8) / Math.max(this.model.most, 1);
        levels.forEach((level, i) => {
            if (!level.idle && !level.lent) return;
            const left = x(level.time), length = Math.max(x(levels[i + 1].time) - left, 0.5);
            context.fillStyle = this.colours.wait;
            context.fillRect(left, OVERVIEW - 2 - level.idle * tall, length, level.idle * tall);
            context.fillStyle = this.fills.lent;
            context.fillRect(left, OVERVIEW - 2 - (level.idle + level.lent) * tall, length, level.lent * tall);
        });
        return canvas;
    }
}

// The least of 1, 2, 5, 10, 15, 30, 60... seconds, or of their fractions, that is not below `least`.
function niceStep(least) {
    for (const step of [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400]) {
        if (least > 0.5 && step >= least) return step;
    }
    if (least > 0.5) return Math.ceil(least / 86400) * 86400;
    const power = Math.pow(10, Math.floor(Math.log10(least)));
    return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * 0.999);
}

// A time since the start, as precise as the step between ticks needs.
function clock(time, step) {
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    if (time < 120 || step < 1) return time.toFixed(digits) + ' s';
    const minutes = Math.floor(time / 60 + 1e-9) % 60, rest = Math.round(time % 60);
    const pad = number => String(number).padStart(2, '0');
    if (time < 3600) return minutes + ':' + pad(rest);
    return Math.floor(time / 3600 + 1e-9) + ':' + pad(minutes) + ':' + pad(rest);
}
