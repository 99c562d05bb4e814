// The page in words and numbers: the sums of each lock, and every call. A table
// makes only the rows in view, so that many thousands cost nothing.

const SPARE = 8;            // rows made above and below those in view

class Table {
    // `columns` are {name, width in em, number, key, cell}: `key` gives what to sort an item by, `cell` its text or
    // element.
    constructor(box, table, columns) {
        Object.assign(this, {box, table, columns});
        this.items = [];
        this.made = new Map();      // item: its row
        table.style.minWidth = columns.reduce((sum, column) => sum + column.width, 0) + 'em';
        const group = element('colgroup'), head = element('tr');
        for (const column of columns) {
            group.append(element('col'));
            group.lastChild.style.width = column.width + 'em';
            const cell = element('th', column.number ? 'number' : '');
            cell.scope = 'col';
            cell.append(this.heading(column));
            head.append(cell);
        }
        table.append(group);
        table.createTHead().append(head);
        this.body = table.createTBody();
        box.addEventListener('scroll', () => this.render(), {passive: true});
        new ResizeObserver(() => this.render()).observe(box);
    }

    heading(column) {
        return column.name;
    }

    // Show these items, from the first on.
    fill(items) {
        this.items = items;
        this.made.clear();
        this.body.replaceChildren();
        this.box.scrollTop = 0;
        this.table.ariaRowCount = items.length + 1;
        this.render();
    }

    render() {
        const {items, box, made} = this;
        if (!this.height && items.length) {
            this.body.append(this.row(items[0], 0));
            this.height = this.body.rows[0].getBoundingClientRect().height;
            this.body.replaceChildren();
        }
        const height = this.height || 1;
        const from = Math.max(0, Math.floor(box.scrollTop / height) - SPARE);
        const to = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / height) + SPARE);
        const wanted = new Set(items.slice(from, to));
        for (const [item, row] of made) {
            if (wanted.has(item)) continue;
            row.remove();
            made.delete(item);
        }
        // Rows that stay are left alone: one of them may have the focus.
        for (let i = from; i < to; i += 1) {
            if (made.has(items[i])) continue;
            const row = this.row(items[i], i);
            made.set(items[i], row);
            this.body.insertBefore(row, this.body.rows[i - from] || null);
        }
        this.table.style.marginTop = from * height + 'px';
        this.table.style.marginBottom = (items.length - to) * height + 'px';
    }

    row(item, i) {
        const row = element('tr');
        row.ariaRowIndex = i + 2;
        for (const column of this.columns) {
            const cell = element('td', column.number ? 'number' : column.className);
            const inside = column.cell(item);
            cell.append(inside);
            if (typeof inside === 'string') cell.title = column.title ? column.title(item) : inside;
            row.append(cell);
        }
        return row;
    }
}

function orDash(value, text) {
    return value ? text || String(value) : '\u2013';
}

class LockTable extends Table {
    // `ticked` is the Set of the numbers of the locks that are shown; onTick is called with a new one.
    constructor(model, box, table, more, onTick) {
        const count = (name, key) => ({name, width: 5.2, number: true, cell: lock => orDash(lock[key])});
        const time = (name, key, mark = () => '') => (
            {name, width: 6, number: true, cell: lock => orDash(lock[key], seconds(lock[key]) + mark(lock))});
        super(box, table, [
            {name: 'Lock', width: 17, cell: lock => this.tickBox(lock)},
            count('Waits', 'waits'), {name: 'Waited', width: 11, number: true, cell: lock => this.share(lock)},
            time('Worst', 'worst'), time('Lost', 'lost'), count('Taken', 'taken'), count('Shared', 'shared'),
            time('Held', 'held', lock => (lock.open ? '*' : '')),
            time('In use', 'busy'), count('Lent', 'lent'), count('Saved', 'saved'),
        ]);
        Object.assign(this, {model, more, onTick});
        this.most = Math.max(...model.locks.slice(0, 1).map(lock => lock.waited), 1e-9);
        this.all = !model.contended.size;
        more.hidden = this.all || model.contended.size === model.locks.length;
    }

    tickBox(lock) {
        const label = element('label'), box = element('input');
        const number = this.model.locks.indexOf(lock);
        box.type = 'checkbox';
        box.checked = this.ticked.has(number);
        box.addEventListener('change', () => {
            const ticked = new Set(this.ticked);
            if (box.checked) ticked.add(number);
            else ticked.delete(number);
            this.onTick(ticked);
        });
        label.append(box, element('span', '', lock.name));
        label.title = lock.path;
        return label;
    }

    share(lock) {
        const cell = document.createDocumentFragment();
        if (lock.waited) {
            const share = element('span', 'share');
            share.append(element('i'));
            share.firstChild.style.width = 100 * lock.waited / this.most + '%';
            cell.append(share);
        }
        cell.append(orDash(lock.waited, seconds(lock.waited)));
        return cell;
    }

    // Tick these locks. If nobody waited for one of them, list all such locks.
    tick(ticked) {
        const {contended, locks} = this.model;
        this.ticked = ticked;
        this.all = this.all || [...ticked].some(number => !contended.has(number));
        const rest = locks.length - contended.size, noun = rest === 1 ? ' lock' : ' locks';
        this.more.textContent = (this.all ? 'Hide ' : 'Show ') + rest + noun + ' nobody waited for';
        this.more.ariaExpanded = String(this.all);
        const listed = this.all ? locks : locks.filter(lock => lock.waits);
        if (listed.length !== this.items.length) this.fill(listed);
        for (const [lock, row] of this.made) row.querySelector('input').checked = ticked.has(locks.indexOf(lock));
    }
}

class CallTable extends Table {
    constructor(model, box, table, shown, onPick) {
        const length = (name, key, text) => ({name, width: 6.6, number: true, key, cell: text});
        super(box, table, [
            {name: 'Who', width: 10, key: call => call.who, cell: call => this.pick(call)},
            {name: 'Lock', width: 8, key: call => call.lockName, cell: call => call.lockName},
            {name: 'Mode', width: 6.2, key: call => call.mode, cell: modeOf},
            {name: 'Command', width: 14, className: 'command', key: call => call.command, cell: call => call.command},
            length('Asked at', call => call.asked, call => moment(call.asked) + ' s'),
            length('Waited', call => call.waited, call => (call.wait ? seconds(call.waited) : '\u2013')),
            {name: 'For', width: 15.5, key: call => (call.wait ? blockers(call) : 0), cell: call => this.cause(call),
                title: call => (call.wait ? inTheWay(model, call).join('\n') : '')},
            length('Held', call => (call.hold ? call.hold[1] - call.hold[0] : 0),
                call => (call.hold ? seconds(call.hold[1] - call.hold[0]) + (call.open ? '*' : '') : '\u2013')),
            {name: 'Job slot', width: 5.6, key: slotOf, cell: slotOf},
            {name: 'End', width: 8.5, key: ended, cell: ended},
        ]);
        Object.assign(this, {model, shown, onPick});
        this.column = this.columns[5];
        this.down = true;
    }

    heading(column) {
        const button = element('button', '', column.name);
        button.type = 'button';
        button.addEventListener('click', () => {
            this.down = this.column === column ? !this.down : Boolean(column.number);
            this.column = column;
            this.refill();
        });
        return button;
    }

    refill() {
        const {key} = this.column, way = this.down ? -1 : 1;
        const keyed = this.model.visible.map(call => [key(call), call]);
        keyed.sort(([x, a], [y, b]) => (x < y ? -way : x > y ? way : a.id - b.id));
        [...this.table.tHead.rows[0].cells].forEach((cell, i) => {
            const column = this.columns[i], sorts = column === this.column;
            cell.ariaSort = !sorts ? 'none' : this.down ? 'descending' : 'ascending';
            cell.firstChild.textContent = column.name + (!sorts ? '' : this.down ? ' \u2193' : ' \u2191');
        });
        this.shown.textContent = keyed.length + ' of ' + this.model.calls.length;
        this.fill(keyed.map(pair => pair[1]));
    }

    // The cause of a wait in short; its tip says more.
    cause(call) {
        if (!call.wait || !blockers(call)) return '';
        const first = call.by.length ? this.model.calls[call.by[0][0]].who + ', ' + seconds(call.by[0][1])
            : call.for.length ? this.model.calls[call.for[0]].who : 'process ' + call.strangers[0];
        return first + (blockers(call) > 1 ? ' and ' + (blockers(call) - 1) + ' more' : '');
    }

    pick(call) {
        const button = element('button', 'link', call.who);
        button.type = 'button';
        button.title = call.who + ': show it in the timeline';
        button.addEventListener('click', () => this.onPick(call));
        return button;
    }
}

function slotOf(call) {
    return call.wait ? call.lent ? 'lent' : 'idle' : '';
}
