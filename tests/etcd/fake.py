"""A server that misbehaves in the place of etcd.

    fake.py FILE MODE [PORT]

Listens on loopback, writes its address to FILE and says `ready`.  MODE says how a request is answered:

    garbage    by bytes that are no HTTP
    length     by a reply whose length has thousands of digits
    page       by an HTML page
    list       by JSON that etcd never sends
    half       by the first half of a reply without a length
    broken     by HTTP 502
    empty      not at all: the connection is closed
    endless    by a reply that does not end
    twice      by the etcd at PORT, but every other answer is thrown away, except for watches: a client that tries again
               has everything done twice
"""

import socket
import sys
import threading

REPLIES = {
    'garbage': b'\x00\xffSSH-2.0-nothing\r\n\r\n',
    'length': b'HTTP/1.1 200 OK\r\nContent-Length: ' + b'9' * 5000 + b'\r\n\r\n{}',
    'page': b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>welcome</html>',
    'list': b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1, 2, 3]',
    'half': b'HTTP/1.0 200 OK\r\n\r\n{"header":{"clust',
    'broken': b'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry',
    'empty': b'',
    'endless': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + b'5\r\naaaaa\r\n' * 100,
}
LOST = [False]
TURN = threading.Lock()


def answer(link, mode):
    request = b''
    while b'\r\n\r\n' not in request:
        part = link.recv(65536)
        if not part:
            return
        request += part
    link.sendall(REPLIES[mode])
    if mode == 'endless':
        link.recv(1)        # until the other hangs up
    link.shutdown(socket.SHUT_WR)


def pass_on(link, port):
    etcd = socket.create_connection(('127.0.0.1', port))
    threading.Thread(target=pump, args=(etcd, link)).start()
    while True:
        data = link.recv(65536)
        if not data:
            break
        with TURN:
            lose = data.startswith(b'POST') and b'/v3/watch' not in data[:40] and not LOST[0]
            if data.startswith(b'POST') and b'/v3/watch' not in data[:40]:
                LOST[0] = lose
        if lose:
            other = socket.create_connection(('127.0.0.1', port))
            other.sendall(data)
            other.recv(65536)
            other.close()
            break
        etcd.sendall(data)
    for one in etcd, link:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except (IOError, OSError):
            pass


def pump(source, sink):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except (IOError, OSError):
        pass


def serve(link, mode, port):
    try:
        if mode == 'twice':
            pass_on(link, port)
        else:
            answer(link, mode)
    except (IOError, OSError):
        pass
    link.close()


def main(file, mode, port=0):
    door = socket.socket()
    door.bind(('127.0.0.1', 0))
    door.listen(50)
    with open(file, 'w') as f:
        f.write('127.0.0.1:%d\n' % door.getsockname()[1])
    print('ready')
    sys.stdout.flush()
    while True:
        link, _ = door.accept()
        thread = threading.Thread(target=serve, args=(link, mode, int(port)))
        thread.daemon = True
        thread.start()


main(*sys.argv[1:])
