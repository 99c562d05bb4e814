// What a person does with the picture: zoom, move, point, step through it by
// keys; and the tip that tells of a call.

const SHORTEST = 0.002;     // seconds; closer nobody needs to look
const NEAR = 5;             // pixels within which the pointer finds a call

class Timeline extends Drawing {
    constructor(model, parts) {
        super(model, parts);
        new ResizeObserver(() => this.resize()).observe(this.scroll);
        this.scroll.addEventListener('scroll', () => this.redraw());
        this.listen();
    }

    // The model has other calls now, or in other places.
    relaid() {
        if (this.hover && !this.hover.visible) this.hover = null;
        if (this.picked && !this.picked.visible) this.picked = null;
        this.resize();
        this.tell();
    }

    // ---- Moving about

    setHome(span) {
        const margin = (span[1] - span[0]) * 0.01 || SHORTEST;
        this.home = [span[0] - margin, span[1] + margin];
        this.overview = null;
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
        const shown = Math.max(0, from).toFixed(2) + ' to ' + seconds(Math.min(all, from + length)) + ' of ' + seconds(all);
        if (this.range.textContent !== shown) this.range.textContent = shown;
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
        this.top = this.scroll.scrollTop;
        const from = Math.max(this.x(call.from), this.gutter), y = this.y(call);
        const left = Math.min(Math.max(from, 8), this.width - width - 8);
        const below = y + LANE + 8;
        const top = below + height < this.tall - 4 ? below : Math.max(4, y - height - 8);
        this.tip.style.left = left + 'px';
        this.tip.style.top = top + 'px';
    }
}
