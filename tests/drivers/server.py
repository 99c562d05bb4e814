"""Serves the files of a folder, each in the way that its path says; prints its port, then serves until killed.

    plain    whole; honours a Range          norange  whole, whatever is asked for
    short    ends in the middle              halves   half of what is asked for; honours a Range
    long     longer than it says             other    another file
    stalls   half of it, and then nothing    silent   no answer
    garbage  no HTTP                         gate     says 'asked for' on events, and waits at the gate `served`
"""

import os
import sys
import threading

try:
    from http.server import BaseHTTPRequestHandler, HTTPServer      # novm: their names from 3.0 on
    from socketserver import ThreadingMixIn                         # novm
except ImportError:
    from BaseHTTPServer import BaseHTTPRequestHandler, HTTPServer   # novm: and before
    from SocketServer import ThreadingMixIn                         # novm

FOLDER = sys.argv[1]
FOREVER = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        how, name = self.path.strip('/').split('/')
        asked = self.headers.get('Range') or ''
        with open(FOLDER + '/log', 'a') as log:
            log.write('%s %s\n' % (self.path, asked))
        if not os.path.exists(FOLDER + '/' + name):
            return self.send_error(404)
        with open(FOLDER + '/' + name, 'rb') as file:
            data = file.read()
        if how == 'gate':
            with open(os.environ['STAGE'] + '/events', 'w') as events:
                events.write('asked for\n')
            with open(os.environ['STAGE'] + '/served.gate') as gate:
                gate.readline()
        elif how == 'silent':
            FOREVER.wait()
        elif how == 'garbage':
            self.wfile.write(b'what?\r\n')
            return
        elif how == 'other':
            data = b'another file'
        begin = int(asked[len('bytes='):-1]) if asked and how in ('plain', 'halves') else 0
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (begin, len(data) - 1, len(data)))
        data = data[begin:]
        self.send_header('Content-Length', str(len(data) // 2 if how == 'long' else len(data)))
        self.end_headers()
        if how in ('short', 'stalls') or how == 'halves' and len(data) > 100:
            data = data[:len(data) // 2]
        self.wfile.write(data)
        self.wfile.flush()
        if how == 'stalls':
            FOREVER.wait()

    def log_message(self, *words):
        pass


class Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True


server = Server(('127.0.0.1', 0), Handler)
print('serving at %d' % server.server_address[1])
sys.stdout.flush()
server.serve_forever()
