"""etcd servers to test against.

    servers.py FOLDER [--members=N] [--tls]

Starts a cluster on loopback that keeps its data in FOLDER, writes its members' addresses to FOLDER/address and their
process ids to FOLDER/0.pid..., says `ready`, and ends with them on TERM or when its parent is gone.
--tls: with certificates from FOLDER/ca.pem, FOLDER/server.pem, FOLDER/server.key; clients need one of that CA.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time


class Cluster(object):
    """etcd servers that belong together."""

    def __init__(self, folder, members=1, tls=False):
        self.folder = folder
        self.tls = tls
        ports = free_ports(2 * members)
        self.clients, peers = ports[:members], ports[members:]
        scheme = 'https' if tls else 'http'
        self.all_peers = ','.join(['m%d=http://127.0.0.1:%d' % one for one in enumerate(peers)])
        self.commands = [[
            'etcd', '--name', 'm%d' % i, '--data-dir', '%s/m%d' % (folder, i), '--logger', 'zap', '--bcrypt-cost', '4',
            '--listen-client-urls', '%s://127.0.0.1:%d' % (scheme, self.clients[i]),
            '--advertise-client-urls', '%s://127.0.0.1:%d' % (scheme, self.clients[i]),
            '--listen-peer-urls', 'http://127.0.0.1:%d' % peers[i],
            '--initial-advertise-peer-urls', 'http://127.0.0.1:%d' % peers[i],
            '--initial-cluster', self.all_peers] for i in range(members)]
        if tls:
            for command in self.commands:
                command += ['--trusted-ca-file', folder + '/ca.pem', '--cert-file', folder + '/server.pem',
                            '--key-file', folder + '/server.key', '--client-cert-auth']
        self.processes = [None] * members

    @property
    def address(self):
        return ','.join(['127.0.0.1:%d' % port for port in self.clients])

    def start(self, members=None):
        """Start these members, or all; return once they serve."""
        members = range(len(self.commands)) if members is None else members
        ready = []
        for i in members:
            environment = dict([(k, v) for k, v in os.environ.items() if not k.startswith('ETCD')])
            self.processes[i] = subprocess.Popen(self.commands[i], stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT, env=environment)
            with open('%s/%d.pid' % (self.folder, i), 'w') as f:
                f.write('%d\n' % self.processes[i].pid)
            ready.append(threading.Event())
            reader = threading.Thread(target=self._read, args=(i, self.processes[i].stdout, ready[-1]))
            reader.daemon = True
            reader.start()
        for i, one in zip(members, ready):
            one.wait(30)
            if self.processes[i].poll() is not None:
                sys.exit('etcd did not start: see %s/%d.log' % (self.folder, i))

    def _read(self, i, output, ready):
        with open('%s/%d.log' % (self.folder, i), 'ab') as log:
            for line in iter(output.readline, b''):
                log.write(line)
                log.flush()
                if b'serving client traffic' in line or b'ready to serve client requests' in line:
                    ready.set()
        ready.set()

    def leader(self):
        """The index of the leader, waited for."""
        while True:
            for i, port in enumerate(self.clients):
                try:
                    said = post(port, '/v3/maintenance/status', {}, 1)
                except (IOError, ValueError):
                    continue
                if said.get('leader', '0') != '0' and said['leader'] == said['header']['member_id']:
                    return i
            time.sleep(0.05)

    def send(self, i, number):
        """A signal to one member; after a KILL it is waited for."""
        self.processes[i].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[i].wait()

    def stop(self):
        for process in self.processes:
            if process and process.poll() is None:
                process.kill()
                process.wait()


def post(port, path, question, seconds, token=''):
    """The answer of the server at `port` to one who comes with `token`.  IOError."""
    link = socket.create_connection(('127.0.0.1', port), seconds)
    try:
        body = json.dumps(question).encode('ascii')
        link.sendall(('POST %s HTTP/1.0\r\n%sContent-Length: %d\r\n\r\n' % (
            path, token and 'Authorization: %s\r\n' % token, len(body))).encode('ascii') + body)
        data = b''
        while True:
            part = link.recv(65536)
            if not part:
                return json.loads(data.partition(b'\r\n\r\n')[2].decode('utf-8'))
            data += part
    finally:
        link.close()


def free_ports(count):
    links = [socket.socket() for _ in range(count)]
    for link in links:
        link.bind(('127.0.0.1', 0))
    ports = [link.getsockname()[1] for link in links]
    for link in links:
        link.close()
    return ports


def main(folder, *options):
    given = dict([option.lstrip('-').partition('=')[::2] for option in options])
    cluster = Cluster(folder, int(given.get('members', 1)), 'tls' in given)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    parent = os.getppid()
    try:
        cluster.start()
        with open(folder + '/address', 'w') as f:
            f.write(cluster.address + '\n')
        print('ready')
        sys.stdout.flush()
        while os.getppid() == parent:
            time.sleep(0.5)
    finally:
        cluster.stop()


if __name__ == '__main__':
    main(*sys.argv[1:])
