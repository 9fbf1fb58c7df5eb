"""A long path to a server: delay.py PORT ROUND_TRIP_MS

Listens, tells its port in a line on stdout, and ends with stdin. What comes is taken at once, as much of it as the sender likes, and sent
on half of the round trip later, in both directions. A sender that has to wait is what this is made against: while sshd can't send, what it
reads grows its buffer, a packet's length at a time and all of it copied each time, up to the window of its client; that can take seconds.
"""
import collections
import gc
import os
import select
import socket
import sys
import time

target, delay = int(sys.argv[1]), float(sys.argv[2]) / 2 / 1000
ROOM = 4 * 1024 * 1024  # of both sockets' receive queues: one that the system lets grow is too small for the first rush
PIECE = 256 * 1024
TURN = 16  # pieces that one direction takes before the others have theirs
PATIENCE_SECONDS = 3600

gc.disable()  # nothing here has cycles
try:
    os.setpriority(os.PRIO_PROCESS, 0, -10)  # a path needs no processor: on few of them nobody's turn comes before this one's
except PermissionError:
    pass  # only root may; what is slower then is the path
spare = []  # memory that is known to the system: fresh pages cost more than what is done with them


class Direction:
    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.waiting = collections.deque()  # when it is due, the bytes, the memory that they are in
        self.reads = True

    def take(self):
        for _ in range(TURN):
            memory = spare.pop() if spare else memoryview(bytearray(PIECE))
            try:
                length = self.source.recv_into(memory)
            except BlockingIOError:
                spare.append(memory)
                return
            except OSError:
                length = 0
            self.waiting.append((time.monotonic() + delay, memory[:length], memory))
            if length == 0:
                self.reads = False
                return

    def give(self, now):
        """Sends what is due; whether the sink has no room for it."""
        while self.waiting and self.waiting[0][0] <= now:
            due, rest, memory = self.waiting[0]
            try:
                if len(rest) == 0:
                    self.sink.shutdown(socket.SHUT_WR)
                else:
                    rest = rest[self.sink.send(rest) :]
            except BlockingIOError:
                return True
            except OSError:  # nobody is there any more
                rest = rest[:0]
            if len(rest) > 0:
                self.waiting[0] = (due, rest, memory)
            else:
                self.waiting.popleft()
                spare.append(memory)
        return False

    def over(self):
        return not self.reads and not self.waiting


def roomy():
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    return made


listener = roomy()  # what it accepts is as roomy
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
directions = []
full = []
while True:
    dues = [each.waiting[0][0] for each in directions if each.waiting and each not in full]
    rest = max(0, min(dues, default=time.monotonic() + PATIENCE_SECONDS) - time.monotonic())
    readers = {each.source: each for each in directions if each.reads}
    ready, _, _ = select.select([listener, sys.stdin, *readers], [each.sink for each in full], [], rest)
    if sys.stdin in ready:
        sys.exit()
    if listener in ready:
        near, far = listener.accept()[0], roomy()
        try:
            far.connect(("127.0.0.1", target))
        except OSError:  # as a server that hangs up
            near.close()
            continue
        for end in (near, far):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        directions += [Direction(near, far), Direction(far, near)]
    for end in ready:
        if end in readers:
            readers[end].take()
    now = time.monotonic()
    full = [each for each in directions if each.give(now)]
    for one, other in zip(directions[::2], directions[1::2]):
        if one.over() and other.over():
            directions.remove(one)
            directions.remove(other)
            one.source.close()
            other.source.close()
