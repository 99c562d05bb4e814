// The picture: a canvas on which only what is in view is drawn, so that many
// thousands of calls stay fluid. It fills the scrolling frame; `rest` is the
// empty space below it that gives the frame its length.

const OVERVIEW = 38, AXIS = 22, TOP = OVERVIEW + AXIS;
const SHORTEST = 0.002;     // seconds; closer nobody needs to look
const NEAR = 5;             // pixels within which the pointer finds a call

class Timeline {
    constructor(model, parts) {
        Object.assign(this, parts);
        this.model = model;
        this.home = [0, model.length];
        this.view = [0, model.length];
        this.hover = this.picked = null;
        this.widths = new Map();
        this.context = this.canvas.getContext('2d');
        this.readColours();
        matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.readColours());
        new ResizeObserver(() => this.resize()).observe(this.scroll);
        this.scroll.addEventListener('scroll', () => this.redraw());
        this.listen();
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
        };
        this.edges = {idle: c.wait, lent: c.wait, shared: c.share, exclusive: c.hold};
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
            ['lent', 'waits, job slot lent'], ['link', 'whom it waits for'], ['open', 'no end in the log'], ['failed', 'failed or gave up']];
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
        else if (kind === 'open') {
            this.bar('exclusive', 0, 20, 0.5);
            this.drawOpenEnd(20, 0.5);
        } else if (kind === 'failed') {
            this.bar('exclusive', 0, 34, 0.5);
            this.drawFailure(0, 34, 0.5);
        } else this.bar(kind, 0, 34, 0.5);
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

    y(call) {
        return TOP + call.y - this.scroll.scrollTop;
    }

    relaid() {
        if (this.hover && !this.hover.visible) this.hover = null;
        if (this.picked && !this.picked.visible) this.picked = null;
        this.resize();
        this.tell();
    }

    resize() {
        const whole = TOP + this.model.height + 8;
        this.width = this.scroll.clientWidth;
        this.tall = Math.max(180, Math.min(whole, Math.round(innerHeight * 0.68)));
        this.rest.style.height = Math.max(0, whole - this.tall) + 'px';
        this.canvas.style.height = this.tall + 'px';
        if ((window.devicePixelRatio || 1) !== this.ratio) this.makePatterns();
        this.canvas.width = Math.round(this.width * this.ratio);
        this.canvas.height = Math.round(this.tall * this.ratio);
        this.draw();
    }

    // ---- Moving about

    setHome(span) {
        const margin = (span[1] - span[0]) * 0.01 || SHORTEST;
        this.home = [span[0] - margin, span[1] + margin];
        this.reset();
    }

    reset() {
        this.picked = this.hover = null;
        this.scroll.scrollTop = 0;
        this.setView(this.home);
        this.tell();
    }

    setView(view) {
        const all = this.model.length;
        const length = Math.min(Math.max(view[1] - view[0], SHORTEST), all * 1.1 + SHORTEST);
        const middle = (view[0] + view[1]) / 2;
        const from = Math.min(Math.max(middle - length / 2, -all * 0.05 - SHORTEST), all * 1.05 + SHORTEST - length);
        this.view = [from, from + length];
        this.range.textContent = Math.max(0, from).toFixed(2) + ' to ' + seconds(Math.min(all, from + length))
            + ' of ' + seconds(all);
        this.redraw();
    }

    // Zoom by a factor about a time; 0.5 shows half as much.
    zoom(factor, about) {
        const [from, to] = this.view;
        const fixed = about === undefined ? (this.picked ? this.picked.from : (from + to) / 2) : about;
        const length = Math.min(Math.max((to - from) * factor, SHORTEST), this.model.length * 1.1 + SHORTEST);
        const start = fixed - (fixed - from) * length / (to - from);
        this.setView([start, start + length]);
        this.placeTip();
    }

    pan(pixels) {
        const shift = pixels / this.pixels;
        this.setView([this.view[0] + shift, this.view[1] + shift]);
    }

    zoomTo(call) {
        const others = call.wait ? call.by.map(pair => this.model.calls[pair[0]]) : [];
        const from = call.from, to = Math.max(call.to, ...others.map(other => Math.min(other.to, call.to)));
        const margin = Math.max((to - from) * 0.25, 0.05);
        this.setView([from - margin, to + margin]);
        this.pick(call);
    }

    // Keep a call in view and tell of it until another is picked.
    pick(call) {
        this.picked = call;
        this.hover = null;
        if (call && call.visible) {
            const shown = this.tall - TOP;
            const top = call.place.y - this.scroll.scrollTop;
            if (top < 0 || top + call.place.height > shown) {
                this.scroll.scrollTop = call.place.y - (shown - call.place.height) / 2;
            }
            const length = this.view[1] - this.view[0];
            if (call.from > this.view[1] || call.to < this.view[0]) {
                this.setView([call.from - length / 2, call.from + length / 2]);
            }
        }
        this.tell();
    }

    step(key) {
        const rows = this.model.layout;
        if (!rows.length) return;
        const now = this.picked;
        if (!now) {
            const top = this.model.rowAt(this.scroll.scrollTop) || rows[0];
            const calls = this.model.inRow(top);
            this.pick(calls.find(call => call.to >= this.view[0]) || calls[0]);
            return;
        }
        const row = rows.indexOf(now.place);
        if (key === 'ArrowLeft' || key === 'ArrowRight') {
            const calls = this.model.inRow(now.place);
            this.pick(calls[calls.indexOf(now) + (key === 'ArrowRight' ? 1 : -1)] || now);
            return;
        }
        const next = rows[row + (key === 'ArrowDown' ? 1 : -1)];
        if (!next) return;
        const far = call => Math.max(call.from - now.from, now.from - call.to, 0);
        this.pick(this.model.inRow(next).reduce((best, call) => (far(call) < far(best) ? call : best)));
    }

    // ---- Pointer and keys

    listen() {
        const canvas = this.canvas;
        canvas.addEventListener('wheel', event => this.wheeled(event), {passive: false});
        canvas.addEventListener('pointerdown', event => this.pressed(event));
        canvas.addEventListener('pointermove', event => this.moved(event));
        canvas.addEventListener('pointerup', event => this.released(event));
        canvas.addEventListener('pointercancel', () => { this.drag = null; });
        canvas.addEventListener('pointerleave', () => this.point(null));
        canvas.addEventListener('dblclick', event => {
            const call = this.under(event);
            if (call) this.zoomTo(call);
        });
        canvas.addEventListener('keydown', event => this.typed(event));
        canvas.addEventListener('focus', () => {
            if (!this.picked && canvas.matches(':focus-visible')) this.step('');
        });
        canvas.addEventListener('blur', () => this.pick(null));
    }

    spot(event) {
        const box = this.canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
    }

    under(event) {
        const [x, y] = this.spot(event);
        if (x < this.gutter || y < TOP) return null;
        return this.model.callAt(this.time(x), y - TOP + this.scroll.scrollTop, NEAR / this.pixels);
    }

    wheeled(event) {
        const [x] = this.spot(event);
        const lines = event.deltaMode === 1 ? 16 : 1;
        const across = (event.shiftKey ? event.deltaX || event.deltaY : event.deltaX) * lines;
        if (x < this.gutter && !event.shiftKey) return;     // the frame scrolls
        event.preventDefault();
        if (Math.abs(across) > Math.abs(event.deltaY * lines) || event.shiftKey) this.pan(across);
        else this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * lines * 0.002))), this.time(x));
    }

    pressed(event) {
        if (event.button !== 0) return;
        const [x, y] = this.spot(event);
        this.canvas.setPointerCapture(event.pointerId);
        this.drag = {x, y, last: x, top: this.scroll.scrollTop, moved: false, overview: y < OVERVIEW && x > this.gutter};
        if (this.drag.overview) this.centre(x);
    }

    moved(event) {
        const drag = this.drag;
        if (!drag) {
            this.point(this.under(event));
            return;
        }
        const [x, y] = this.spot(event);
        if (Math.abs(x - drag.x) + Math.abs(y - drag.y) > 4) drag.moved = true;
        if (drag.overview) this.centre(x);
        else if (drag.moved) {
            this.canvas.classList.add('drags');
            this.hover = null;
            this.pan(drag.last - x);
            this.scroll.scrollTop = drag.top + drag.y - y;
            this.tell();
        }
        drag.last = x;
    }

    released(event) {
        const drag = this.drag;
        this.drag = null;
        this.canvas.classList.remove('drags');
        if (drag && !drag.moved && !drag.overview) this.pick(this.under(event));
    }

    // Move the view's middle to a place in the overview.
    centre(x) {
        const middle = this.home[0] + (x - this.gutter) / (this.width - this.gutter) * (this.home[1] - this.home[0]);
        const half = (this.view[1] - this.view[0]) / 2;
        this.setView([middle - half, middle + half]);
    }

    typed(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const keys = {
            '+': () => this.zoom(0.5), '=': () => this.zoom(0.5), '-': () => this.zoom(2), 0: () => this.reset(),
            Enter: () => this.picked && this.zoomTo(this.picked), Escape: () => this.pick(null),
        };
        for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) keys[key] = () => this.step(key);
        if (!keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    }

    point(call) {
        this.canvas.classList.toggle('points', Boolean(call));
        if (call === this.hover) return;
        this.hover = call;
        this.tell();
    }

    // ---- The tip

    tell() {
        const call = this.hover || this.picked;
        if (call) {
            const lines = describe(this.model, call);
            this.tip.replaceChildren(...lines.map(([kind, text]) => {
                const line = document.createElement('p');
                line.className = kind;
                line.textContent = text;
                return line;
            }));
            if (call === this.picked) this.said.textContent = lines.map(line => line[1]).join('. ');
        }
        this.tip.hidden = !call;
        this.placeTip();
        this.redraw();
    }

    // Beside the call and inside the frame, never over the call itself.
    placeTip() {
        const call = this.hover || this.picked;
        if (!call) return;
        const width = this.tip.offsetWidth, height = this.tip.offsetHeight;
        const from = Math.max(this.x(call.from), this.gutter), y = this.y(call);
        const left = Math.min(Math.max(from, 8), this.width - width - 8);
        const below = y + LANE + 8;
        const top = below + height < this.tall - 4 ? below : Math.max(4, y - height - 8);
        this.tip.style.left = left + 'px';
        this.tip.style.top = top + 'px';
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
        context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
        context.font = '11px system-ui, sans-serif';
        context.textBaseline = 'middle';
        context.fillStyle = c.panel;
        context.fillRect(0, 0, this.width, this.tall);
        const chosen = this.hover || this.picked;
        this.clipped(0, TOP, () => this.drawBands());
        this.clipped(this.gutter, TOP, () => {
            this.drawGrid();
            this.labels = [];
            this.eachRow(row => row.lanes.forEach(lane => this.drawLane(lane)));
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
        const rows = this.model.layout, top = this.scroll.scrollTop;
        const bottom = top + this.tall - TOP;
        for (let i = firstFrom(rows, row => row.y + row.height > top); i < rows.length && rows[i].y < bottom; i += 1) {
            paint(rows[i], i);
        }
    }

    drawBands() {
        const context = this.context, c = this.colours;
        const chosen = this.hover || this.picked;
        this.eachRow((row, i) => {
            const y = TOP + row.y - this.scroll.scrollTop;
            if (i % 2) {
                context.fillStyle = c.band;
                context.fillRect(0, y, this.width, row.height);
            }
            const bold = chosen && chosen.place === row;
            context.font = (bold ? '600 ' : '') + '12px system-ui, sans-serif';
            context.fillStyle = c.fore;
            context.fillText(this.fitted(row.label, this.gutter - 18), 9, y + row.height / 2 + 0.5);
        });
        context.font = '11px system-ui, sans-serif';
    }

    // The text, cut to a width in pixels.
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

    // How wide a text is. There are few, and measuring one costs more than drawing it.
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
        const at = firstFrom(lane, call => call.to >= this.view[0]);
        let covered = -1;       // what lies left of it is drawn already
        for (let i = at; i < lane.length && lane[i].from <= edge; i += 1) {
            const right = this.x(lane[i].to);
            if (right < covered) continue;
            this.drawCall(lane[i]);
            covered = right + 0.4;
        }
    }

    drawCall(call) {
        const y = this.y(call);
        if (!call.wait && !call.hold) {
            this.context.fillStyle = this.colours.soft;
            this.context.fillRect(this.x(call.from) - 1, y + 2, 2, LANE - 4);
        }
        if (call.wait) this.drawPart(call, call.wait, call.lent ? 'lent' : 'idle', y);
        if (call.hold) this.drawPart(call, call.hold, call.mode === 'shared' ? 'shared' : 'exclusive', y);
        const [from, to] = call.hold || call.wait || [call.from, call.to];
        if (call.open) this.drawOpenEnd(this.x(to), y);
        else if (call.status || call.outcome === 'failed' || call.outcome === 'gave-up') {
            this.drawFailure(this.x(from), this.x(to), y);
        }
    }

    drawPart(call, part, kind, y) {
        const left = Math.max(this.x(part[0]), this.gutter - 20), right = Math.min(this.x(part[1]), this.width + 20);
        this.bar(kind, left, right, y);
        const room = right - Math.max(left, this.gutter) - 10;
        if (room > 24) this.labels.push([call.lockName, kind, Math.max(left, this.gutter) + 5, y, room]);
    }

    bar(kind, left, right, y) {
        const context = this.context, width = Math.max(right - left, 1.5);
        context.fillStyle = this.fills[kind];
        context.fillRect(left, y, width, LANE);
        if (width < 5) {
            context.fillStyle = this.edges[kind];
            context.fillRect(left, y, 1.5, LANE);
        } else if (kind !== 'exclusive') {
            context.strokeStyle = this.edges[kind];
            context.setLineDash(kind === 'lent' ? [3, 2] : []);
            context.strokeRect(left + 0.5, y + 0.5, width - 1, LANE - 1);
            context.setLineDash([]);
        }
    }

    // A name on a bar, on a plate that keeps patterns and lines out of it.
    write(text, kind, x, y, room) {
        const context = this.context, c = this.colours;
        const shown = this.fitted(text, room - 4);
        if (shown !== text && shown.length < 9) return;
        context.fillStyle = {exclusive: c.hold, shared: c['share-back'], idle: c['wait-back'], lent: c.panel}[kind];
        context.fillRect(x - 2, y + 1.5, this.measured(shown) + 4, LANE - 3);
        context.fillStyle = kind === 'exclusive' ? c['hold-text'] : kind === 'shared' ? c['share-text']
            : kind === 'lent' ? c.fore : c['wait-text'];
        context.fillText(shown, x, y + LANE / 2 + 0.5);
    }

    drawOpenEnd(x, y) {
        const context = this.context;
        context.strokeStyle = this.colours.bad;
        context.lineWidth = 1.5;
        context.beginPath();
        context.moveTo(x, y);
        for (let i = 1; i <= 4; i += 1) context.lineTo(x + (i % 2 ? 5 : 0), y + i * LANE / 4);
        context.stroke();
        context.lineWidth = 1;
    }

    drawFailure(left, right, y) {
        this.context.fillStyle = this.colours.bad;
        this.context.fillRect(left, y + LANE - 3, Math.max(right - left, 3), 3);
    }

    // From each waiter to the holder it met: all in one stroke.
    drawLinks() {
        const {links} = this.model, context = this.context;
        const dots = [];
        context.beginPath();
        for (let i = firstFrom(links, link => link.time >= this.view[0]); i < links.length && links[i].time <= this.view[1]; i += 1) {
            const {call, holder, time} = links[i];
            if (!call.visible || !holder.visible) continue;
            const x = Math.round(this.x(time)) + 0.5, y = this.y(call) + LANE / 2, to = this.y(holder) + LANE / 2;
            if (Math.max(y, to) < TOP || Math.min(y, to) > this.tall) continue;
            context.moveTo(x, y);
            context.lineTo(x, to);
            dots.push(x, to);
        }
        context.globalAlpha = dots.length > 400 ? 0.35 : 0.75;
        context.strokeStyle = context.fillStyle = this.colours.link;
        context.stroke();
        context.beginPath();
        for (let i = 0; i < dots.length; i += 2) {
            context.moveTo(dots[i] + 2.5, dots[i + 1]);
            context.arc(dots[i], dots[i + 1], 2.5, 0, 7);
        }
        context.fill();
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

    // The call, and all that were in its way, each joined to it where it began to be.
    drawChosen(call) {
        const others = call.wait ? [...new Set(call.by.map(pair => pair[0]).concat(call.for))] : [];
        for (const id of others) {
            const holder = this.model.calls[id];
            if (!holder.visible) continue;
            this.outline(holder, holder.hold, this.colours.link, 2);
            const {time} = this.model.link(call, holder);
            this.drawLink(this.x(time), this.y(call) + LANE / 2, this.y(holder) + LANE / 2, 2);
        }
        this.outline(call, [call.from, call.to], this.colours.pick, 2.5);
    }

    outline(call, part, colour, width) {
        const left = Math.max(this.x(part[0]), this.gutter - 20), right = Math.min(this.x(part[1]), this.width + 20);
        this.context.strokeStyle = colour;
        this.context.lineWidth = width;
        if (right > left - 1) this.context.strokeRect(left - 1, this.y(call) - 1, Math.max(right - left, 2) + 2, LANE + 2);
        this.context.lineWidth = 1;
    }

    // How many wait, over all of the time, and which part of it is in view.
    drawOverview() {
        const context = this.context, c = this.colours, {levels} = this.model;
        const scale = (this.width - this.gutter) / (this.home[1] - this.home[0]);
        const x = time => this.gutter + (time - this.home[0]) * scale;
        const most = levels.reduce((top, level) => Math.max(top, level.lent + level.idle), 0);
        const tall = (OVERVIEW - 8) / Math.max(most, 1);
        context.fillStyle = c.soft;
        context.fillText(most ? 'waiting, ' + most + ' at most' : 'nobody waits', 9, OVERVIEW / 2);
        this.clippedOverview(() => {
            levels.forEach((level, i) => {
                if (!level.idle && !level.lent) return;
                const left = x(level.time), width = Math.max(x(levels[i + 1].time) - left, 0.5);
                context.fillStyle = c.wait;
                context.fillRect(left, OVERVIEW - 2 - level.idle * tall, width, level.idle * tall);
                context.fillStyle = this.fills.lent;
                context.fillRect(left, OVERVIEW - 2 - (level.idle + level.lent) * tall, width, level.lent * tall);
            });
            const left = x(this.view[0]), right = x(this.view[1]);
            context.fillStyle = c.soft;
            context.globalAlpha = 0.22;
            context.fillRect(this.gutter, 0, left - this.gutter, OVERVIEW);
            context.fillRect(right, 0, this.width - right, OVERVIEW);
            context.globalAlpha = 1;
        });
        context.fillStyle = c.line;
        context.fillRect(0, OVERVIEW, this.width, 1);
    }

    clippedOverview(paint) {
        this.context.save();
        this.context.beginPath();
        this.context.rect(this.gutter, 0, this.width - this.gutter, OVERVIEW);
        this.context.clip();
        paint();
        this.context.restore();
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

// A time since the start, as exact as the step between ticks asks for.
function clock(time, step) {
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    if (time < 120 || step < 1) return time.toFixed(digits) + ' s';
    const minutes = Math.floor(time / 60 + 1e-9) % 60, rest = Math.round(time % 60);
    const pad = number => String(number).padStart(2, '0');
    if (time < 3600) return minutes + ':' + pad(rest);
    return Math.floor(time / 3600 + 1e-9) + ':' + pad(minutes) + ':' + pad(rest);
}
