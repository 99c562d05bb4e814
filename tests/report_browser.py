"""Opens a page of sage-flock-report in headless Chromium and says what it finds, a line each.

    report_browser.py find           the two programs it needs, or status 1
    report_browser.py try PAGE       what the page does: see `Trial`
    report_browser.py frames PAGE    milliseconds between frames while it is zoomed and moved
    report_browser.py shot PAGE PNG light|dark [WIDTH HEIGHT [SCRIPT]]

It speaks to chromedriver in WebDriver's own words over HTTP, on this machine and no other.
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

try:
    from http import client     # novm: its name from 3.0 on
except ImportError:
    import httplib as client    # novm: its name before

_TAB, _DOWN = b'\xee\x80\x84'.decode('utf-8'), b'\xee\x80\x95'.decode('utf-8')     # WebDriver's names of these keys
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

    def wheel(self, x, y, delta):
        """Turn the wheel over a place of the window."""
        turn = {'type': 'scroll', 'x': int(x), 'y': int(y), 'deltaX': 0, 'deltaY': delta, 'duration': 0}
        self.command('actions', {'actions': [{'type': 'wheel', 'id': 'wheel', 'actions': [turn]}]})

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
        for part in (self.look, self.point, self.keys, self.wheel, self.filter, self.sums):
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
        self.say('locks', self.locks())
        self.say('served', self.browser.run(
            'return [...document.querySelectorAll("#calls tbody tr")].map(row => row.cells[9].textContent)'
            '.filter(text => text.startsWith("not run"))'))

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
        self.browser.point(left + 300, top + 4)

    def keys(self):
        self.browser.run('document.getElementById("reset").focus()')
        self.browser.press(_TAB)
        self.browser.press(_DOWN)
        self.say('key', self.tip())

    def wheel(self):
        left, top, width, height = self.box()
        self.browser.wheel(left + width * 0.6, top + height * 0.6, -600)
        self.say('range-in', self.text('range'))
        press = {'type': 'pointerDown', 'button': 0}
        move = {'type': 'pointerMove', 'duration': 0, 'x': int(left + width * 0.4), 'y': int(top + height * 0.6)}
        self.browser.point(left + width * 0.6, top + height * 0.6, press, move,
                           {'type': 'pointerUp', 'button': 0})
        self.say('drag', self.text('range'))
        self.browser.run('document.getElementById("reset").click()')
        self.say('range-back', self.text('range'))

    def filter(self):
        choose = ('const list = document.getElementById("lock"); list.value = arguments[0];'
                  'list.dispatchEvent(new Event("change", {bubbles: true}))')
        self.browser.run(choose, '0')
        self.say('filtered', self.locks())
        self.say('count', self.text('shown'))
        self.browser.run('document.querySelector("#locks tbody input:checked").click()')
        self.say('count-none', self.text('shown'))
        self.browser.run(choose, 'all')

    def sums(self):
        self.say('shouts', self.browser.run('return document.querySelectorAll("img, b, script[src], iframe").length'))
        for entry in self.browser.log('browser'):
            self.say('error', entry['message'])
        for entry in self.browser.log('performance'):
            message = json.loads(entry['message'])['message']
            if message['method'] == 'Network.requestWillBeSent':
                self.say('request', message['params']['request']['url'])


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
            canvas.dispatchEvent(new WheelEvent('wheel', {...at, ...turn}));
            canvas.dispatchEvent(new PointerEvent('pointermove', at));
            document.getElementById('scroll').scrollTop = count * 2;
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
        return 0 if None not in find() else 1
    if words[0] == 'shot':
        size = [int(word) for word in words[4:6]] or [1400, 1000]
        browser = Browser(words[3], *size)
    else:
        browser = Browser()
    try:
        if words[0] == 'try':
            Trial(browser, words[1]).run()
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
