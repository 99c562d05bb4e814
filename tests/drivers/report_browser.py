"""Opens a page of sage-flock-report in headless Chromium and says what it finds, a line each.

    report_browser.py find           the two programs it needs, or status 1
    report_browser.py try PAGE       what the page does: see `Trial`
    report_browser.py narrow PAGE    what it does on a phone: see `Narrow`
    report_browser.py big PAGE       how long a big page takes: see `Big`
    report_browser.py answer PAGE    its first sentence, and the locks that it shows first
    report_browser.py frames PAGE    milliseconds between frames while it is zoomed and moved
    report_browser.py shot PAGE PNG light|dark [WIDTH HEIGHT [SCRIPT]]

It talks to chromedriver by the WebDriver protocol over HTTP, on this machine only.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.abspath(__file__).rpartition('/tests/')[0] + '/build')
from sage_flock.report import sums

try:
    from http import client     # novm: its name from 3.0 on
except ImportError:
    import httplib as client    # novm: its name before

_TAB, _DOWN = b'\xee\x80\x84'.decode('utf-8'), b'\xee\x80\x95'.decode('utf-8')     # WebDriver's names of these keys
# Wheels and scrolling take some frames to arrive; eight frames without news is the end of it.
_SETTLED = '''
    const done = arguments[0];
    let quiet = 0, last = '';
    const look = () => {
        const now = scrollY + document.getElementById('range').textContent;
        quiet = now === last ? quiet + 1 : 0;
        last = now;
        if (quiet > 8) done();
        else requestAnimationFrame(look);
    };
    look();'''
_PATIENCE = 90      # seconds until a silence is taken for a hang


def find():
    """The paths of chromium and chromedriver; None for what is not there."""
    return _program('chromium', 'chromium-browser', 'google-chrome'), _program('chromedriver')


def _program(*names):
    for name in names:
        for folder in os.environ['PATH'].split(os.pathsep):
            path = os.path.join(folder, name)
            if os.access(path, os.X_OK):
                return path
    return None


class Browser(object):
    """A headless Chromium with one page, in a profile that is thrown away."""

    def __init__(self, scheme='light', width=1400, height=1000):
        self.session = None
        self.folder = tempfile.mkdtemp()
        chromium, chromedriver = find()
        self.port = _free_port()
        null = open(os.devnull, 'r+')
        # A group of its own, so that whatever it starts can be ended with it.
        self.driver = subprocess.Popen([chromedriver, '--port=%d' % self.port], stdin=null,
                                       stdout=null, stderr=null, preexec_fn=os.setpgrp)
        null.close()
        try:
            self._wait_for_driver()
            self._open_session(chromium, scheme, width, height)
        except Exception:
            self.close()
            raise

    def _wait_for_driver(self):
        until = time.time() + _PATIENCE
        while True:
            try:
                return self.call('GET', '/status')
            except (OSError, socket.error):
                if time.time() > until:
                    raise
                time.sleep(0.05)

    def _open_session(self, chromium, scheme, width, height):
        arguments = ['about:blank', '--headless=new', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage',
                     '--disable-background-networking', '--user-data-dir=' + self.folder,
                     '--hide-scrollbars', '--window-size=%d,%d' % (width, height)]
        if os.getuid() == 0:
            arguments.append('--no-sandbox')
        if scheme == 'dark':
            arguments += ['--blink-settings=preferredColorScheme=0']
        wanted = {'browserName': 'chrome', 'goog:chromeOptions': {'binary': chromium, 'args': arguments},
                  'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'}}
        value = self.call('POST', '/session', {'capabilities': {'alwaysMatch': wanted}})
        self.session = value['sessionId']
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        self.cdp('Emulation.setEmulatedMedia', {'features': features})
        # The page's own size: a window has a frame, and cannot be as narrow as a phone.
        self.cdp('Emulation.setDeviceMetricsOverride', {'width': width, 'height': height, 'deviceScaleFactor': 1,
                                                        'mobile': width < 600})
        self.cdp('Emulation.setTouchEmulationEnabled', {'enabled': width < 600, 'maxTouchPoints': 2})

    def close(self):
        """End it all, whatever state it is in."""
        try:
            if self.session:
                self.call('DELETE', '/session/' + self.session)
        except Exception:
            pass
        try:
            os.killpg(self.driver.pid, signal.SIGKILL)
        except OSError:
            pass
        self.driver.wait()
        shutil.rmtree(self.folder, True)

    def call(self, method, path, body=None):
        """One WebDriver command: the value of the answer."""
        link = client.HTTPConnection('127.0.0.1', self.port, timeout=_PATIENCE)
        try:
            data = None if body is None else json.dumps(body).encode('ascii')
            link.request(method, path, data, {'Content-Type': 'application/json'})
            value = json.loads(link.getresponse().read().decode('utf-8'))['value']
        finally:
            link.close()
        if isinstance(value, dict) and 'error' in value:
            raise RuntimeError('%s: %s' % (value['error'], value['message']))
        return value

    def command(self, path, body=None):
        """A command to the session."""
        return self.call('POST', '/session/%s/%s' % (self.session, path), body or {})

    def cdp(self, name, parameters):
        """A command of Chromium's own protocol."""
        return self.command('goog/cdp/execute', {'cmd': name, 'params': parameters})

    def open(self, path):
        """Open a page of the file system."""
        self.command('url', {'url': 'file://' + os.path.abspath(path)})

    def run(self, script, *arguments):
        """What `script` returns, run in the page."""
        return self.command('execute/sync', {'script': script, 'args': list(arguments)})

    def log(self, kind):
        """What the browser has logged since the last time: 'browser' or 'performance'."""
        return self.command('se/log', {'type': kind})

    def point(self, x, y, *more):
        """Move the mouse to a place of the window, and do `more` there."""
        moves = [{'type': 'pointerMove', 'duration': 0, 'x': int(x), 'y': int(y)}] + list(more)
        self.command('actions', {'actions': [{'type': 'pointer', 'id': 'mouse', 'actions': moves}]})

    def wheel(self, x, y, delta, control=False):
        """Turn the wheel over a place of the window, perhaps with Ctrl, and let the page draw what follows."""
        self.cdp('Input.dispatchMouseEvent', {'type': 'mouseWheel', 'x': int(x), 'y': int(y), 'deltaX': 0,
                                              'deltaY': delta, 'modifiers': 2 * control})
        self.settle()

    def settle(self):
        """Wait until the page has drawn what was asked for."""
        self.command('execute/async', {'args': [], 'script': _SETTLED})

    def timed(self, script):
        """Seconds of processor time, and of time, until what `script` does is drawn."""
        before = busy(self)
        passed = self.command('execute/async', {'args': [], 'script': '''
            const done = arguments[0], at = performance.now();
            %s;
            requestAnimationFrame(() => requestAnimationFrame(
                () => setTimeout(() => done((performance.now() - at) / 1000))));''' % script})
        return busy(self) - before, passed

    def piece(self, left, top, width, height):
        """A picture of a part of the page, as text."""
        clip = {'x': left, 'y': top, 'width': width, 'height': height, 'scale': 1}
        return self.cdp('Page.captureScreenshot', {'clip': clip})['data']

    def press(self, key):
        """Press a key on the keyboard."""
        keys = [{'type': 'keyDown', 'value': key}, {'type': 'keyUp', 'value': key}]
        self.command('actions', {'actions': [{'type': 'key', 'id': 'keyboard', 'actions': keys}]})

    def shot(self, path):
        """Write a picture of the window to `path`."""
        stream = open(path, 'wb')
        stream.write(base64.b64decode(
            self.call('GET', '/session/%s/screenshot' % self.session).encode('ascii')))
        stream.close()


def _free_port():
    door = socket.socket()
    door.bind(('127.0.0.1', 0))
    port = door.getsockname()[1]
    door.close()
    return port


class Trial(object):
    """Uses the page as a person does, and says a line for each thing found:

    hover TEXT, hover-none TEXT    the tip with the mouse on a call, and beside all calls
    key TEXT                       the tip after Tab and an arrow key
    range, range-in, range-back    what is in view: at first, after the wheel, after Reset
    drag RANGE                     what is in view after the wheel and a drag
    wheel-page RANGE Y             what is in view, and how far the page is scrolled, after the wheel without Ctrl
    answer TEXT                    the first sentence
    begin A,B, others A,B          the table of locks: at first, and after its button
    rows A,B                       the rows of the picture for one lock
    band LOCK WAITERS HOLDERS      lanes of a lock in the view per lock; `band-calls`: who is in each
    search A,B, least A,B          whose calls are shown for a word and above a wait; `-drawn`: whose bars
    dock TEXT                      hides 0 pixels of the picture, which moved by 0
    kept PLACE                     of the picked call while buttons zoom in, and out: in view or not
    grey KIND PERCENT              pixels by which a failed call's bar differs from it, without colour
    focus NAME yes|no              does the focus on that control change what is seen
    slots TEXT                     what the graph of job slots says of some moments
    table LOCK NUMBERS             rows of the table of locks, for a comparison with the report on the terminal
    locks A,B and filtered A       the locks in the table of calls: at first, and with one chosen
    served TEXT                    what the table says of a call that did not run, since another had done it
    count TEXT and count-none      how many calls are shown: with one lock, with none ticked
    shouts N                       elements that a command's text has made: there must be none
    error TEXT, request URL        whatever the console says, and what was asked for
    """

    def __init__(self, browser, page):
        self.browser = browser
        for kind in ('browser', 'performance'):     # of the empty page before
            browser.log(kind)
        browser.open(page)

    def run(self):
        for part in (self.look, self.point, self.keys, self.wheel, self.filter, self.views, self.narrow_down, self.kept,
                     self.without_colour, self.focus, self.slots, self.sums):
            part()

    def say(self, what, text):
        text = text if hasattr(text, 'encode') else str(text)
        line = '%s %s\n' % (what, text.replace('\n', ' | '))
        getattr(sys.stdout, 'buffer', sys.stdout).write(line.encode('utf-8'))

    def text(self, name):
        return self.browser.run('return document.getElementById(arguments[0]).innerText', name)

    def tip(self):
        return self.browser.run('const tip = document.getElementById("tip"); return tip.hidden ? "" : tip.innerText')

    def look(self):
        self.say('range', self.text('range'))
        self.say('answer', self.answer())
        self.say('begin', self.named_locks())
        self.click('others')
        self.say('others', self.named_locks())
        self.say('locks', self.locks())
        self.table()
        self.say('served', self.browser.run(
            'return [...document.querySelectorAll("#calls tbody tr")].map(row => row.cells[9].textContent)'
            '.filter(text => text.startsWith("not run"))'))

    def table(self):
        for row in self.browser.run('return [...document.querySelectorAll("#locks tbody tr")]'
                                    '.map(row => [...row.cells].map(cell => cell.innerText.trim()).join(" "))'):
            self.say('table', row)

    def answer(self):
        return self.browser.run('return document.getElementById("answer").innerText.replace(/\\s/g, " ")')

    def click(self, name):
        self.browser.run('document.getElementById(arguments[0]).click()', name)

    def choose(self, name, value):
        """Give a control a value as a person would."""
        self.browser.run('const control = document.getElementById(arguments[0]); control.value = arguments[1];'
                         'for (const type of ["input", "change"]) control.dispatchEvent(new Event(type))', name, value)

    def named_locks(self):
        return ','.join(self.browser.run(
            'return [...document.querySelectorAll("#locks tbody tr")].map(row => row.cells[0].innerText.trim())'))

    def locks(self):
        return ','.join(self.browser.run(
            'return [...new Set([...document.querySelectorAll("#calls tbody tr")]'
            '.map(row => row.cells[1].textContent))].sort()'))

    def box(self):
        return self.browser.run(
            'const box = document.getElementById("timeline").getBoundingClientRect();'
            'return [box.left, box.top, box.width, box.height]')

    def point(self):
        """Look for a call with the mouse, as a person would who sees it."""
        left, top, width, height = self.box()
        found = self.browser.run(
            'const [left, top, width, height] = arguments, canvas = document.getElementById("timeline");'
            'for (let y = 64; y < height; y += 4) for (let x = 200; x < width; x += 6) {'
            '  canvas.dispatchEvent(new PointerEvent("pointermove", {clientX: left + x, clientY: top + y}));'
            '  if (document.querySelector("#tip .wait") && !document.getElementById("tip").hidden)'
            '    return [left + x, top + y];'
            '} return null', left, top, width, height)
        self.browser.point(left + 300, top + 4)
        self.say('hover-none', self.tip())
        if found:
            self.browser.point(*found)
            self.say('hover', self.tip())
            self.say('dock', 'hides %d pixels, moved by %d' % tuple(self.browser.run(
                'const tip = document.getElementById("tip").getBoundingClientRect();'
                'const box = document.getElementById("timeline").getBoundingClientRect();'
                'const dock = document.getElementById("dock").getBoundingClientRect();'
                'const over = Math.min(tip.bottom, dock.bottom) - box.top;'
                'return [Math.max(0, over), box.top - arguments[0]]', top)))
        self.browser.point(left + 300, top + 4)

    def keys(self):
        self.browser.run('document.getElementById("reset").focus()')
        self.browser.press(_TAB)
        self.browser.press(_DOWN)
        self.say('key', self.tip())

    def wheel(self):
        left, top, width, height = self.box()
        self.browser.wheel(left + width * 0.6, top + height * 0.6, 120)
        self.say('wheel-page', '%s, %d' % (self.text('range'), self.browser.run('return scrollY')))
        self.browser.run('scrollTo(0, 0)')
        self.browser.wheel(left + width * 0.6, top + height * 0.6, -600, True)
        self.say('range-in', self.text('range'))
        press = {'type': 'pointerDown', 'button': 0}
        move = {'type': 'pointerMove', 'duration': 0, 'x': int(left + width * 0.4), 'y': int(top + height * 0.6)}
        self.browser.point(left + width * 0.6, top + height * 0.6, press, move,
                           {'type': 'pointerUp', 'button': 0})
        self.say('drag', self.text('range'))
        self.browser.run('document.getElementById("reset").click()')
        self.say('range-back', self.text('range'))

    def filter(self):
        self.choose('lock', '0')
        self.say('filtered', self.locks())
        self.say('count', self.text('shown'))
        self.browser.run('document.querySelector("#locks tbody input:checked").click()')
        self.say('count-none', self.text('shown'))
        self.choose('lock', 'all')

    def views(self):
        """The rows for one lock by packages, and the bands by locks."""
        self.choose('lock', '0')
        self.say('rows', ','.join(self.browser.run('return timeline.layout.rows.map(row => row.label)')))
        self.choose('lock', 'all')
        self.choose('by', 'locks')
        for label, waiters, lanes in self.browser.run('return timeline.layout.rows.map(row => '
                '[row.label, row.waiters, row.lanes.map(lane => lane.map(bar => bar.call.pid))])'):
            self.say('band', '%s %d %d %s' % (label, waiters, len(lanes) - waiters, json.dumps(lanes)))
        self.choose('by', 'packages')

    def narrow_down(self):
        """The search and the slider, which goes up to the longest wait."""
        who = 'return model.calls.filter(call => call.%s).map(call => call.pid).join()'
        for what, control, value in (('search', 'search', 'FLASK'), ('least', 'least', '8')):
            self.choose(control, value)
            self.say(what, self.browser.run(who % 'visible'))
            self.say(what + '-drawn', self.browser.run(who % 'drawn'))
            self.say(what + '-count', self.text('shown') + ', ' + self.text('least-said'))
            self.choose(control, '' if control == 'search' else '0')
        self.say('least-all', self.text('shown'))

    def kept(self):
        """Pick a call, move it out of the middle, and zoom with the buttons as with a mouse."""
        self.browser.run('timeline.pick(model.calls[arguments[0]].bars[0])', 8)
        for button, times in (('in', 6), ('out', 3), ('in', 2)):
            for _ in range(times):
                left, top, width, height = self.browser.run(
                    'const box = document.getElementById(arguments[0]).getBoundingClientRect();'
                    'return [box.left, box.top, box.width, box.height]', button)
                self.browser.point(left + width / 2, top + height / 2, {'type': 'pointerDown', 'button': 0},
                                   {'type': 'pointerUp', 'button': 0})
                self.say('kept', self.browser.run(
                    'const call = timeline.picked && timeline.picked.call, [from, to] = timeline.view;'
                    'return call && call.id === 8 && call.from <= to && call.to >= from && to - from < model.length'
                    '    ? "in view" : "lost"'))
        self.browser.run('timeline.pick(null); timeline.reset()')

    def without_colour(self):
        """How much of a failed hold, away from its ends and names, is of another lightness than what it must not be
        taken for: a hold of each mode that did not fail, and a wait."""
        self.choose('lock', '0')
        self.browser.settle()
        for kind, pid in (('exclusive', 11), ('shared', 13), ('wait', 12)):
            self.say('grey', '%s %d' % (kind, self.browser.run('''
                const lightness = (pid, part) => {
                    const call = model.calls.find(one => one.pid === pid), bar = call.bars[0];
                    const x = Math.round((timeline.x(call[part][1]) - 90) / 70) * 70;   // the same place of a pattern
                    const width = 60, height = timeline.lane - 4;
                    const copy = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
                    copy.drawImage(timeline.canvas, x, timeline.y(bar) + 2, width, height, 0, 0, width, height);
                    const {data} = copy.getImageData(0, 0, width, height);
                    return [...Array(width * height).keys()].map(
                        i => data[4 * i] * 0.3 + data[4 * i + 1] * 0.59 + data[4 * i + 2] * 0.11);
                };
                const failed = lightness(12, 'hold'), other = lightness(arguments[1], arguments[0]);
                const differ = failed.filter((one, i) => Math.abs(one - other[i]) > 50).length;
                return Math.round(100 * differ / failed.length);''', kind if kind == 'wait' else 'hold', pid)))
        self.choose('lock', 'all')

    def focus(self):
        """Go through the page by Tab; does each control look otherwise when it has the focus?"""
        self.browser.run('document.body.tabIndex = -1; document.body.focus(); scrollTo(0, 0)')
        seen = set()
        for _ in range(40):
            self.browser.press(_TAB)
            self.browser.settle()
            name, left, top, width, height = self.browser.run('''
                const now = document.activeElement, box = now.getBoundingClientRect();
                return [now === document.body ? '' : now.id || now.parentNode.tagName + ' ' + now.tagName,
                    Math.max(0, box.left + scrollX - 5), Math.max(0, box.top + scrollY - 5),
                    box.width + 10, box.height + 10];''')
            if not name:
                break
            if name in seen:
                continue
            seen.add(name)
            with_focus = self.browser.piece(left, top, width, height)
            self.browser.run('window.had = document.activeElement; had.style.outline = "none"')
            self.browser.settle()
            without = self.browser.piece(left, top, width, height)
            self.browser.run('had.style.outline = ""')
            self.say('focus', '%s %s' % (name, 'yes' if with_focus != without else 'no'))

    def slots(self):
        for at in (0.5, 1.75, 2.5, 4.12, 4.5, 5.25, 6):
            self.say('slots', self.browser.run('slots.point(timeline.x(arguments[0]));'
                                               'return slots.said.textContent', at))
        self.say('slots-legend', self.text('slots-legend'))

    def sums(self):
        self.say('shouts', self.browser.run('return document.querySelectorAll("img, b, script[src], iframe").length'))
        for entry in self.browser.log('browser'):
            self.say('error', entry['message'])
        for entry in self.browser.log('performance'):
            message = json.loads(entry['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                self.say('request', message['params']['request']['url'])


class Narrow(Trial):
    """The page on a phone of 390 by 844 pixels:

    first TOP BOTTOM        of the picture, in pixels
    small NAME WxH          each button and the like that is smaller than 44 pixels: there must be none
    wide N                  by how many pixels the page is wider than the window
    pinch N, page-zoom N    how many times larger the picture and the page are when two fingers have gone four times
                            as far apart
    """

    def run(self):
        left, top, width, height = self.box()
        self.say('first', '%d %d' % (top, top + height))
        self.click('more-tools')
        for one in self.browser.run('''
                const pressed = 'button, select, input:not([type=checkbox]), td label';
                return [...document.querySelectorAll(pressed)].filter(one => {
                    const box = one.getBoundingClientRect();
                    return box.width && (box.width < 44 || box.height < 44);
                }).map(one => (one.id || one.textContent) + ' ' + one.offsetWidth + 'x' + one.offsetHeight)'''):
            self.say('small', one)
        self.click('more-tools')
        self.say('wide', self.browser.run('return document.documentElement.scrollWidth - innerWidth'))
        before = self.length()
        middle = left + width * 0.6
        for kind, apart in (('touchStart', 20), ('touchMove', 40), ('touchMove', 80), ('touchEnd', None)):
            points = [] if apart is None else [{'x': middle - apart, 'y': top + 150, 'id': 1},
                                               {'x': middle + apart, 'y': top + 150, 'id': 2}]
            self.browser.cdp('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': points})
        self.browser.settle()
        self.say('pinch', '%.1f' % (before / self.length()))
        self.say('page-zoom', self.browser.run('return visualViewport.scale'))

    def length(self):
        return self.browser.run('return timeline.view[1] - timeline.view[0]')


class Big(Trial):
    """The page of a long build:

    packed PACKAGES ROWS OVERLAPS
    rounding N                  how many lengths of time it writes otherwise than the report on the terminal does
    order GOT BEGUN ROWS        how many rows stand before one that got the lock earlier, or that began earlier
    table LOCK NUMBERS          as above
    took SECONDS WHAT           of processor time for each thing that a person may do, until it is drawn: what others
                                do on the machine meanwhile does not count
    last N                      the number of the last row of the table of calls
    """

    def run(self):
        self.browser.cdp('Performance.enable', {'timeDomain': 'threadTicks'})
        self.table()
        values = [i / 1000.0 for i in range(0, 20000, 5)] + [i / 8.0 for i in range(2000)] + [99.9499, 99.95, 1e5 / 3]
        self.say('rounding', self.browser.run(
            'return arguments[0].filter(([value, text]) => seconds(value) !== text + " s").length',
            [[value, sums.seconds(value)] for value in values]))
        self.say('packed', '%d %d %d' % tuple(self.browser.run('''
            let overlaps = 0;
            for (const row of timeline.layout.rows) {
                for (const lane of row.lanes) {
                    for (let i = 1; i < lane.length; i += 1) if (lane[i].from < lane[i - 1].to) overlaps += 1;
                }
            }
            return [new Set(model.visible.map(call => call.row)).size, timeline.layout.rows.length, overlaps];''')))
        header = 'document.querySelectorAll("#calls th button")[%d].click()'
        control = ('document.getElementById("%s").value = "%s";'
                   'document.getElementById("%s").dispatchEvent(new Event("%s"))')
        self.took('all locks', 'document.getElementById("others").click()')
        for column in range(10):
            self.took('sort by column %d' % column, header % column)
            self.took('the other way', header % column)
        for what, name, value, event in (
                ('rows by lock', 'by', 'locks', 'change'), ('rows by package', 'by', 'packages', 'change'),
                ('one lock', 'lock', '0', 'change'), ('all locks', 'lock', 'all', 'change'),
                ('a search', 'search', 'package-1', 'input'), ('no search', 'search', '', 'input'),
                ('the slider', 'least', '6', 'input'), ('back', 'least', '0', 'input')):
            self.took(what, control % (name, value, name, event))
        self.took('the end of the table', 'document.getElementById("calls-box").scrollTop = 1e9')
        self.say('last', self.browser.run('return document.querySelector("#calls tbody tr:last-child").ariaRowIndex'))
        self.took('a call from the table', 'document.querySelector("#calls .link").click()')
        self.choose('lock', '0')
        self.choose('search', 'package-105')
        self.say('order', '%d %d %d%s' % tuple(self.browser.run('''
            const shown = timeline.layout.rows.filter(row => row.steps.length);
            const rows = shown.map(row => model.calls.filter(call => call.who === row.label));
            const got = calls => Math.min(...calls.filter(call => call.lock === 0).map(call => call.hold[0]));
            const asked = calls => Math.min(...calls.map(call => call.asked));
            const wrong = first => rows.filter((calls, i) => i && first(rows[i - 1]) > first(calls)).length;
            return [wrong(got), wrong(asked), rows.length, timeline.layout.packed ? ' packed' : ''];
            ''')))
        self.choose('search', '')
        for name in ('in', 'out', 'reset'):
            self.took(name, 'document.getElementById("%s").click()' % name)

    def took(self, what, script):
        processor, passed = self.browser.timed(script)
        self.say('took', '%.3f %s, in %.3f s' % (processor, what, passed))


def frames(browser, page):
    """Zoom in and out and move about for 240 frames; how long they took."""
    browser.open(page)
    browser.command('timeouts', {'script': 80000})
    browser.cdp('Performance.enable', {'timeDomain': 'threadTicks'})
    before = busy(browser)
    times = browser.command('execute/async', {'args': [], 'script': '''
        const done = arguments[0], canvas = document.getElementById('timeline');
        const box = canvas.getBoundingClientRect(), between = [], draws = [];
        const draw = timeline.draw.bind(timeline);
        timeline.draw = () => { const at = performance.now(); draw(); draws.push(performance.now() - at); };
        let last = performance.now(), count = 0;
        const step = now => {
            const at = {clientX: box.left + box.width * 0.55, clientY: box.top + box.height / 2, cancelable: true};
            const turn = {deltaY: count % 120 < 60 ? -40 : 40, deltaX: count % 7 - 3};
            canvas.dispatchEvent(new WheelEvent('wheel', {...at, ...turn, ctrlKey: true}));
            canvas.dispatchEvent(new PointerEvent('pointermove', at));
            scrollTo(0, count * 2);
            between.push(performance.now() - last);
            last = performance.now();
            count += 1;
            if (count < 240) requestAnimationFrame(step);
            else done([between.slice(1), draws]);
        };
        requestAnimationFrame(step);'''})
    print('processor time of the page: %.1f ms a frame' % ((busy(browser) - before) * 1000 / 240))
    for name, list in zip(('between frames', 'drawing'), times):
        list.sort()
        print('%s, %d: median %.1f ms, 95 in 100 within %.1f ms, worst %.1f ms' % (
            name, len(list), list[len(list) // 2], list[len(list) * 95 // 100], list[-1]))


def busy(browser):
    """The seconds of processor time that the page has taken: unlike time, others on the machine do not change it."""
    metrics = browser.cdp('Performance.getMetrics', {})['metrics']
    return [one['value'] for one in metrics if one['name'] == 'TaskDuration'][0]


def main(words):
    """Do what the command line says; see above."""
    if words[0] == 'find':
        return 0 if None not in find() else 77
    if words[0] == 'shot':
        size = [int(word) for word in words[4:6]] or [1400, 1000]
        browser = Browser(words[3], *size)
    else:
        browser = Browser('light', *{'narrow': (390, 844), 'big': (1400, 1400)}.get(words[0], ()))
    try:
        trials = {'try': Trial, 'narrow': Narrow, 'big': Big}
        if words[0] in trials:
            trials[words[0]](browser, words[1]).run()
        elif words[0] == 'answer':
            trial = Trial(browser, words[1])
            trial.say('calm', '%s; %s' % (trial.answer(), trial.named_locks()))
        elif words[0] == 'frames':
            frames(browser, words[1])
        else:
            browser.open(words[1])
            if len(words) > 6:
                browser.run(words[6])
            time.sleep(0.3)
            browser.shot(words[2])
    finally:
        browser.close()
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
