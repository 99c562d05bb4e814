// Puts the page together: answer, filter, picture, graph and tables.

const $ = id => document.getElementById(id);

function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
}

function option(list, value, text) {
    const made = element('option', '', text);
    made.value = value;
    list.append(made);
}

const model = new Model(JSON.parse($('data').textContent));
const all = new Set(model.locks.keys());
const filter = {locks: model.contended.size ? model.contended : all, build: undefined, text: '', least: 0};
model.show(filter);
const timeline = new Timeline(model, {
    canvas: $('timeline'), frame: $('frame'), rest: $('rest'), dock: $('dock'), tip: $('tip'), hint: $('hint'),
    said: $('said'), range: $('range'), onView: () => slots.redraw(),
});
const slots = new SlotGraph(model, timeline, $('slots'), $('slots-said'));
const callTable = new CallTable(model, $('calls-box'), $('calls'), $('shown'), call => {
    $('timeline').focus({preventScroll: true});
    $('frame').scrollIntoView({block: 'nearest'});
    timeline.zoomTo(call);
});
const lockTable = new LockTable(model, $('locks-box'), $('locks'), $('others'), locks => apply({locks}));

// Change the filter, and show what passes it.
function apply(change) {
    Object.assign(filter, change);
    const {locks} = filter;
    model.show(filter);
    timeline.oneLock = locks.size === 1;
    const same = other => locks.size === other.size && [...locks].every(lock => other.has(lock));
    const only = locks.size === 1 ? String([...locks][0]) : 'some';
    $('lock').value = same(all) ? 'all' : same(model.contended) ? 'waited' : only;
    lockTable.tick(locks);
    callTable.refill();
    timeline.relaid();
}

function figure(label, value, note, className) {
    const box = element('div', className);
    box.append(element('dt', '', label), element('dd', '', value));
    box.lastChild.append(element('small', '', note));
    $('figures').append(box);
}

function fillHead() {
    const when = new Date(model.start * 1000), {totals} = model;
    const parts = [model.file, when.toLocaleString()];
    if (model.builds.length > 1) parts.push(model.builds.length + ' builds');
    if (model.skipped) parts.push(model.skipped + ' lines of the log were no events');
    $('when').textContent = parts.join(' \u00b7 ');
    $('answer').textContent = model.answer.replace(/ s\b/g, '\u00a0s');
    figure('Took', seconds(totals.took), model.calls.length + ' calls of ' + model.locks.length + ' locks');
    figure('Waited', seconds(totals.waited), totals.waits + ' waits together');
    figure('Lost', seconds(totals.lost), 'of job slots idle, in ' + seconds(totals.idle), totals.lost > 0 ? 'bad' : '');
    figure('Slots lent', seconds(totals.lent_s), totals.lent + ' waits; ' + seconds(totals.overdrawn_s) +
        ' overdrawn, ' + seconds(totals.lingered_s) + ' lingered');
    figure('Sweeps saved', String(totals.saved), 'done by another\u2019s run');
}

function fillFilter() {
    const list = $('lock');
    if (model.contended.size && model.contended.size < all.size) option(list, 'waited', 'those with waits');
    option(list, 'all', 'all locks');
    option(list, 'some', 'those ticked below');
    list.lastChild.hidden = true;
    model.locks.forEach((lock, i) => {
        option(list, String(i), lock.name + (lock.waits ? ' \u2013 ' + seconds(lock.waited) + ' waited' : ''));
    });
    list.addEventListener('change', () => {
        const named = {all, waited: model.contended};
        apply({locks: named[list.value] || new Set([Number(list.value)])});
    });
    $('others').addEventListener('click', () => {
        const hide = lockTable.all;
        lockTable.all = !hide;
        apply({locks: hide ? model.contended : all});
    });
    $('search').addEventListener('input', () => apply({text: $('search').value}));
    $('by').addEventListener('change', () => timeline.relaid($('by').value));
    $('more-tools').addEventListener('click', () => {
        const open = $('filters').classList.toggle('open');
        $('more-tools').ariaExpanded = String(open);
        timeline.relaid();
    });
}

// The slider's values: 0, then 1, 2, 5, 10... up to the longest wait.
function fillSlider() {
    const worst = model.locks.reduce((most, lock) => Math.max(most, lock.worst), 0);
    const places = [0];
    for (let power = 0.01; power <= worst; power *= 10) {
        const next = [power, 2 * power, 5 * power].map(one => Number(one.toPrecision(1)));
        places.push(...next.filter(one => one <= worst));
    }
    const slider = $('least');
    slider.max = places.length - 1;
    slider.disabled = places.length < 2;
    const say = () => {
        const least = places[slider.value];
        $('least-said').textContent = slider.ariaValueText = least ? seconds(least) : 'any';
        return least;
    };
    slider.value = 0;
    say();
    slider.addEventListener('input', () => apply({least: say()}));
}

function fillBuilds() {
    const many = model.builds.length > 1;
    $('build-label').hidden = !many;
    option($('build'), 'all', 'all');
    model.builds.forEach((build, i) => {
        option($('build'), String(i), (i + 1) + ', ' + new Date((model.start + build[0]) * 1000).toLocaleTimeString());
    });
    $('build').value = many ? String(model.builds.length - 1) : 'all';
    $('build').addEventListener('change', showBuild);
}

function showBuild() {
    const number = $('build').value === 'all' ? undefined : Number($('build').value);
    apply({build: number});
    timeline.setHome(number === undefined ? [0, model.length] : model.builds[number]);
}

fillHead();
fillFilter();
fillSlider();
fillBuilds();
timeline.fillLegend($('legend'));
slots.fillLegend($('slots-legend'));
showBuild();
$('in').addEventListener('click', () => timeline.zoom(0.5));
$('out').addEventListener('click', () => timeline.zoom(2));
$('reset').addEventListener('click', () => timeline.reset());
