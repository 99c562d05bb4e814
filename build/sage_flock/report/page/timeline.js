// What a person does with the picture: zoom, move, point, step through it by
// keys; and the tip above it that describes a call.

const SHORTEST = 0.002;     // seconds; nobody needs to look closer
const NEAR = 5;             // pixels within which the pointer finds a call

class Timeline extends Drawing {
    constructor(model, parts) {
        super(model, parts);
        this.listen();
    }

    // Lay out anew: the model shows other calls, or the size or the view has changed. `by`: 'packages' or 'locks'.
    relaid(by = this.by) {
        this.by = by;
        const {picked} = this;
        this.hover = this.picked = null;
        this.resize();
        if (picked && picked.call.drawn) this.picked = picked.call.bars[0];
        this.showTip();
    }

    // ---- Moving about

    setHome(span) {
        const margin = (span[1] - span[0]) * 0.01 || SHORTEST;
        this.home = [span[0] - margin, span[1] + margin];
        this.overview = null;
        this.reset();
    }

    reset() {
        this.setView(this.home);
    }

    setView(view) {
        const all = this.model.length;
        const length = Math.min(Math.max(view[1] - view[0], SHORTEST), all * 1.1 + SHORTEST);
        const middle = (view[0] + view[1]) / 2;
        const from = Math.min(Math.max(middle - length / 2, -all * 0.05 - SHORTEST), all * 1.05 + SHORTEST - length);
        this.view = [from, from + length];
        const to = moment(Math.min(all, from + length));
        const shown = moment(Math.max(0, from)) + ' to ' + to + ' s of ' + moment(all) + ' s';
        if (this.range.textContent !== shown) this.range.textContent = shown;
        this.redraw();
        this.onView();
    }

    // Zoom by a factor around a time; 0.5 shows half as much. Without a time, the picked bar stays in view.
    zoom(factor, about = this.centreOfInterest()) {
        const [from, to] = this.view;
        const length = Math.min(Math.max((to - from) * factor, SHORTEST), this.model.length * 1.1 + SHORTEST);
        const start = about - Math.min(Math.max((about - from) / (to - from), 0), 1) * length;
        this.setView([start, start + length]);
    }

    // The middle of the picked bar's visible part; without one, of the view.
    centreOfInterest() {
        const [from, to] = this.view;
        if (!this.picked) return (from + to) / 2;
        const {call} = this.picked;
        const left = Math.max(call.from, from), right = Math.min(call.to, to);
        return left <= right ? (left + right) / 2 : (call.from + call.to) / 2;
    }

    pan(pixels) {
        const shift = pixels / this.pixels;
        this.setView([this.view[0] + shift, this.view[1] + shift]);
    }

    zoomTo(call) {
        const others = this.model.inTheWay(call);
        const from = call.from, to = Math.max(call.to, ...others.map(other => Math.min(other.to, call.to)));
        const margin = Math.max((to - from) * 0.25, 0.05);
        this.setView([from - margin, to + margin]);
        this.pick(call.bars[0]);
    }

    // Keep a bar in view and its tip open until another bar is picked.
    pick(bar) {
        this.picked = bar;
        this.hover = null;
        if (bar) {
            const shown = this.tall - TOP;
            const top = bar.y - this.scrolled();
            if (top < 0 || top + this.lane > shown) this.scrollRows(bar.y - (shown - this.lane) / 2);
            const [from, to] = this.view, half = (to - from) / 2;
            if (bar.from > to || bar.to < from) this.setView([bar.from - half, bar.from + half]);
        }
        this.showTip();
    }

    step(key) {
        const rows = this.layout.rows.filter(row => row.steps.length);
        if (!rows.length) return;
        const now = this.picked;
        if (!now) {
            const top = rows.find(row => row.y + row.height > this.scrolled()) || rows[0];
            this.pick(top.steps.find(bar => bar.to >= this.view[0]) || top.steps[0]);
            return;
        }
        if (key === 'ArrowLeft' || key === 'ArrowRight') {
            const {steps} = now.row;
            this.pick(steps[steps.indexOf(now) + (key === 'ArrowRight' ? 1 : -1)] || now);
            return;
        }
        const next = rows[rows.indexOf(now.row) + (key === 'ArrowDown' ? 1 : -1)];
        if (!next) return;
        const far = bar => Math.max(bar.from - now.from, now.from - bar.to, 0);
        this.pick(next.steps.reduce((best, bar) => (far(bar) < far(best) ? bar : best)));
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
            const bar = this.under(event);
            if (bar) this.zoomTo(bar.call);
        });
        canvas.addEventListener('keydown', event => this.typed(event));
        canvas.addEventListener('focus', () => {
            if (!this.picked && canvas.matches(':focus-visible')) this.step('');
        });
        for (const name of ['touchstart', 'touchmove', 'touchend']) {
            canvas.addEventListener(name, event => this.touched(event), {passive: false});
        }
        addEventListener('scroll', () => { if (this.over) this.redraw(); }, {passive: true});
        let width = innerWidth, height = innerHeight;
        addEventListener('resize', () => {
            // A phone's address bar comes and goes: that is no change of size.
            if (innerWidth === width && Math.abs(innerHeight - height) < 120) return;
            width = innerWidth;
            height = innerHeight;
            this.relaid();
        });
    }

    spot(event) {
        const box = this.canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
    }

    under(event) {
        const [x, y] = this.spot(event);
        if (x < this.gutter || y < TOP) return null;
        return this.layout.barAt(this.time(x), y - TOP + this.scrolled(), NEAR / this.pixels);
    }

    // The wheel scrolls the page. With Ctrl, which a touchpad's pinch sets, it zooms; sideways it moves the view.
    wheeled(event) {
        const lines = event.deltaMode === 1 ? 16 : 1;
        const across = (event.shiftKey ? event.deltaX || event.deltaY : event.deltaX) * lines;
        if (event.ctrlKey) {
            const strength = Math.abs(event.deltaY) < 40 ? 0.01 : 0.002;     // a pinch turns in many small steps
            const turn = Math.max(-1, Math.min(1, event.deltaY * lines * strength));
            this.zoom(Math.exp(turn), this.time(this.spot(event)[0]));
        } else if (event.shiftKey || Math.abs(across) > Math.abs(event.deltaY * lines)) this.pan(across);
        else return;
        event.preventDefault();
    }

    // Two fingers zoom and move: what is under them stays there.
    touched(event) {
        if (event.touches.length !== 2) {
            this.pinch = null;
            return;
        }
        event.preventDefault();
        this.drag = null;
        const [a, b] = [...event.touches].map(touch => this.spot(touch)[0]);
        const middle = (a + b) / 2, apart = Math.max(Math.abs(a - b), 20);
        if (this.pinch) {
            this.pan(this.pinch.middle - middle);
            this.zoom(this.pinch.apart / apart, this.time(middle));
        }
        this.pinch = {middle, apart};
    }

    pressed(event) {
        if (event.button !== 0 || this.pinch) return;
        const [x, y] = this.spot(event);
        if (event.isTrusted) this.canvas.setPointerCapture(event.pointerId);
        this.drag = {x, y, last: x, moved: false, overview: y < OVERVIEW && x > this.gutter};
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
            this.showTip();
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
            Enter: () => this.picked && this.zoomTo(this.picked.call), Escape: () => this.pick(null),
        };
        for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) keys[key] = () => this.step(key);
        if (!keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    }

    point(bar) {
        this.canvas.classList.toggle('points', Boolean(bar));
        if (bar === this.hover) return;
        this.hover = bar;
        this.showTip();
    }

    // ---- The tip has a place of its own, so that it hides nothing.

    showTip() {
        const bar = this.hover || this.picked;
        if (bar) {
            const lines = describe(this.model, bar.call), facts = element('div');
            facts.append(...lines.slice(1).map(([kind, text]) => element('p', kind, text)));
            this.tip.replaceChildren(element('p', ...lines[0]), facts);
            if (bar === this.picked) this.said.textContent = lines.map(line => line[1]).join('. ');
        }
        this.tip.hidden = !bar;
        this.hint.hidden = Boolean(bar);
        this.redraw();
    }
}
