// Puts the page together: figures, filter, picture, tables.

const $ = id => document.getElementById(id);

function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
}

const model = new Model(JSON.parse($('data').textContent));
const timeline = new Timeline(model, {
    canvas: $('timeline'), scroll: $('scroll'), rest: $('rest'), tip: $('tip'), said: $('said'), range: $('range'),
});
const callTable = new CallTable(model, $('calls'), $('all-calls'), $('shown'), call => {
    $('timeline').focus({preventScroll: true});
    $('frame').scrollIntoView({block: 'nearest'});
    timeline.zoomTo(call);
});
const lockTable = new LockTable(model, $('locks'), filter);

function filter(locks) {
    model.show(locks);
    const only = locks.size === 1 ? String([...locks][0]) : locks.size === model.locks.length ? 'all' : 'some';
    $('lock').querySelector('[value=some]').hidden = only !== 'some';
    $('lock').value = model.locks.length === 1 ? 'all' : only;
    lockTable.tick(locks);
    callTable.fill();
    timeline.relaid();
}

function total(name) {
    return model.locks.reduce((sum, lock) => sum + lock[name], 0);
}

function figure(label, value, note, className) {
    const box = element('div', className);
    box.append(element('dt', '', label), element('dd', '', value));
    box.lastChild.append(element('small', '', note));
    $('figures').append(box);
}

function fillHead() {
    const when = new Date(model.start * 1000);
    const parts = [model.file, when.toLocaleString()];
    if (model.builds.length > 1) parts.push(model.builds.length + ' builds');
    if (model.skipped) parts.push(model.skipped + ' lines of the log were no events');
    $('when').textContent = parts.join(' \u00b7 ');
    const elapsed = model.builds.reduce((sum, build) => sum + build[1] - build[0], 0);
    figure('Took', seconds(elapsed), model.calls.length + ' calls of ' + model.locks.length + ' locks');
    figure('Waited', seconds(total('waited')), total('waits') + ' waits together');
    figure('Lost', seconds(model.lost), 'of job slots idle, in ' + seconds(model.idle), model.lost > 0 ? 'bad' : '');
    figure('Slots lent', seconds(total('lent_s')), total('lent') + ' waits; ' + seconds(total('overdrawn_s')) +
        ' overdrawn, ' + seconds(total('lingered_s')) + ' lingered');
    figure('Sweeps saved', String(total('saved')), 'done by another\u2019s run');
}

function fillFilter() {
    const add = (value, text) => {
        const option = element('option', '', text);
        option.value = value;
        $('lock').append(option);
    };
    add('all', 'all locks');
    add('some', 'those ticked below');
    model.locks.forEach((lock, i) => add(String(i), lock.name + (lock.waits ? ' \u2013 ' + seconds(lock.waited) + ' waited' : '')));
    $('lock').addEventListener('change', () => {
        filter(new Set($('lock').value === 'all' ? model.locks.keys() : [Number($('lock').value)]));
    });
}

function fillBuilds() {
    $('build-label').hidden = model.builds.length < 2;
    const all = element('option', '', 'all');
    all.value = 'all';
    $('build').append(all);
    model.builds.forEach((build, i) => {
        const when = new Date((model.start + build[0]) * 1000).toLocaleTimeString();
        const option = element('option', '', (i + 1) + ', ' + when);
        option.value = String(i);
        $('build').append(option);
    });
    $('build').value = model.builds.length > 1 ? String(model.builds.length - 1) : 'all';
    $('build').addEventListener('change', showBuild);
}

function showBuild() {
    const build = model.builds[$('build').value];
    timeline.setHome(build || [0, model.length]);
}

fillHead();
fillFilter();
fillBuilds();
timeline.fillLegend($('legend'));
filter(new Set(model.locks.keys()));
showBuild();
$('in').addEventListener('click', () => timeline.zoom(0.5));
$('out').addEventListener('click', () => timeline.zoom(2));
$('reset').addEventListener('click', () => timeline.reset());
