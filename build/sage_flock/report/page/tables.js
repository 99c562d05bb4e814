// The page in words and numbers: what each lock came to, and every call.

const MOST_ROWS = 300;      // shown at first; a button brings the rest

function headCell(text, isNumber) {
    const cell = element('th', isNumber ? 'number' : '', text);
    cell.scope = 'col';
    return cell;
}

function numberCell(text) {
    return element('td', 'number', text);
}

function orDash(value, text) {
    return value ? text || String(value) : '\u2013';
}

class LockTable {
    constructor(model, table, onChange) {
        this.boxes = [];
        const head = element('tr');
        ['Lock', 'Taken', 'Shared', 'Held', 'In use', 'Waits', 'Waited', 'Worst', 'Lent', 'Saved', 'Lost'].forEach(
            (text, i) => head.append(headCell(text, i > 0)));
        table.createTHead().append(head);
        const body = table.createTBody();
        const most = Math.max(...model.locks.map(lock => lock.waited), 1e-9);
        for (const lock of model.locks) body.append(this.row(lock, most));
        const changed = () => onChange(new Set([...this.boxes.keys()].filter(i => this.boxes[i].checked)));
        body.addEventListener('change', changed);
    }

    row(lock, most) {
        const row = element('tr');
        const label = element('label');
        const box = element('input');
        box.type = 'checkbox';
        box.checked = true;
        this.boxes.push(box);
        label.append(box, lock.name);
        label.title = lock.path;
        const first = element('td');
        first.append(label);
        const waited = numberCell('');
        if (lock.waited) {
            const share = element('span', 'share');
            share.append(element('i'));
            share.firstChild.style.width = 100 * lock.waited / most + '%';
            waited.append(share);
        }
        waited.append(orDash(lock.waited, seconds(lock.waited)));
        row.append(first, numberCell(orDash(lock.taken)), numberCell(orDash(lock.shared)),
            numberCell(orDash(lock.held, seconds(lock.held) + (lock.open ? '*' : ''))),
            numberCell(orDash(lock.busy, seconds(lock.busy))), numberCell(orDash(lock.waits)), waited,
            numberCell(orDash(lock.worst, seconds(lock.worst))), numberCell(orDash(lock.lent)),
            numberCell(orDash(lock.saved)), numberCell(orDash(lock.lost, seconds(lock.lost))));
        return row;
    }

    tick(locks) {
        this.boxes.forEach((box, i) => { box.checked = locks.has(i); });
    }
}

const COLUMNS = [
    {name: 'Who', key: call => call.who},
    {name: 'Lock', key: call => call.lockName},
    {name: 'Mode', key: call => call.mode},
    {name: 'Command', key: call => call.command},
    {name: 'Asked at', number: true, key: call => call.asked},
    {name: 'Waited', number: true, key: call => (call.wait ? call.wait[1] - call.wait[0] : 0)},
    {name: 'For', key: call => (call.wait ? blockers(call) : 0)},
    {name: 'Held', number: true, key: call => (call.hold ? call.hold[1] - call.hold[0] : 0)},
    {name: 'Job slot', key: call => (call.wait ? call.lent ? 'lent' : 'idle' : '')},
    {name: 'End', key: ended},
];

class CallTable {
    constructor(model, table, more, shown, onPick) {
        Object.assign(this, {model, table, more, shown, onPick});
        this.limit = MOST_ROWS;
        this.column = 5;
        this.down = true;
        const head = element('tr');
        COLUMNS.forEach((column, i) => head.append(this.head(column, i)));
        table.createTHead().append(head);
        this.body = table.createTBody();
        more.addEventListener('click', () => {
            this.limit = Infinity;
            this.fill();
        });
    }

    head(column, i) {
        const cell = headCell('', column.number);
        const button = element('button', '', column.name);
        button.type = 'button';
        button.addEventListener('click', () => {
            this.down = this.column === i ? !this.down : Boolean(column.number);
            this.column = i;
            this.fill();
        });
        cell.append(button);
        return cell;
    }

    fill() {
        const {key} = COLUMNS[this.column];
        const calls = this.model.calls.filter(call => call.visible);
        calls.sort((a, b) => {
            const x = key(a), y = key(b);
            return (x < y ? -1 : x > y ? 1 : 0) * (this.down ? -1 : 1) || a.id - b.id;
        });
        const rows = document.createDocumentFragment();
        for (const call of calls.slice(0, this.limit)) rows.append(this.row(call));
        this.body.replaceChildren(rows);
        [...this.table.tHead.rows[0].cells].forEach((cell, i) => {
            cell.ariaSort = i !== this.column ? 'none' : this.down ? 'descending' : 'ascending';
            cell.firstChild.textContent = COLUMNS[i].name + (i !== this.column ? '' : this.down ? ' \u2193' : ' \u2191');
        });
        this.more.hidden = calls.length <= this.limit;
        this.more.textContent = 'Show all ' + calls.length + ' calls';
        this.shown.textContent = calls.length + ' of ' + this.model.calls.length;
    }

    // Whom a wait is put down to, in short: its tip says more.
    cause(call) {
        if (!call.wait || !blockers(call)) return '';
        const first = call.by.length ? this.model.calls[call.by[0][0]].who + ', ' + seconds(call.by[0][1])
            : call.for.length ? this.model.calls[call.for[0]].who : 'process ' + call.strangers[0];
        return first + (blockers(call) > 1 ? ' and ' + (blockers(call) - 1) + ' more' : '');
    }

    row(call) {
        const row = element('tr');
        const pick = element('button', 'link', call.who);
        pick.type = 'button';
        pick.title = 'show it in the timeline';
        pick.addEventListener('click', () => this.onPick(call));
        const first = element('td');
        first.append(pick);
        const forWhom = element('td', '', this.cause(call));
        forWhom.title = call.wait ? inTheWay(this.model, call).join('\n') : '';
        const command = element('td', 'command');
        command.append(element('span', '', call.command));
        command.title = call.command;
        row.append(first, element('td', '', call.lockName), element('td', '', call.mode),
            command, numberCell(call.asked.toFixed(2)),
            numberCell(call.wait ? seconds(call.wait[1] - call.wait[0]) : '\u2013'), forWhom,
            numberCell(call.hold ? seconds(call.hold[1] - call.hold[0]) + (call.open ? '*' : '') : '\u2013'),
            element('td', '', call.wait ? call.lent ? 'lent' : 'idle' : ''), element('td', '', ended(call)));
        return row;
    }
}
