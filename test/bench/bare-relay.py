"""The same as bare-relay.cjs from within Python, and the peer of both: a server that says ready and sends back what it gets.

    bare-relay.py relay PORT     relays between a terminal in raw mode and a socket until a ^D comes back
    bare-relay.py peer           tells its port on stdout, and ends with stdin
"""
import os
import select
import socket
import sys
import tty

LIMIT = 4096


def relay(port):
    tty.setraw(0)
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    poll = select.epoll()
    for fd in (0, peer.fileno()):
        poll.register(fd, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            data = os.read(fd, LIMIT)
            os.write(peer.fileno() if fd == 0 else 1, data)
            if fd != 0 and data.endswith(b"\x04"):
                return


def be_peer():
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    while True:
        if sys.stdin in select.select([sys.stdin, server], [], [])[0]:
            return
        client = server.accept()[0]
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"ready")
        while data := client.recv(LIMIT):
            client.sendall(data)
        client.close()


if sys.argv[1] == "relay":
    relay(int(sys.argv[2]))
else:
    be_peer()
