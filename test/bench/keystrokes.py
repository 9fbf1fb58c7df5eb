"""Types into a client's terminal and times the echo: keystrokes.py COUNT RESULT CLIENT [ARG...]

The client's command is to echo what it reads, by its own terminal. RESULT gets JSON: the p50 and p99 of the round trips in milliseconds,
and the peak of the client's resident memory in MB; with a COUNT of 0 the session is only held for a while.
"""
import json
import os
import pty
import select
import sys
import time

count, result, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
IDLE_SECONDS = 2
PATIENCE_SECONDS = 60


def read_until(fd, wanted):
    seen = b""
    while wanted not in seen:
        if not select.select([fd], [], [], PATIENCE_SECONDS)[0]:
            sys.exit("no echo: " + repr(seen))
        seen += os.read(fd, 4096)


pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
read_until(fd, b"ready")
for key in b"abcdefghij":  # what is only done once is not what is measured
    os.write(fd, bytes([key]))
    read_until(fd, bytes([key]))
times = []
for i in range(count):
    time.sleep(0.002)  # as after a human's pause, nobody is still at work
    key = bytes([ord("k") + i % 10])
    begun = time.perf_counter()
    os.write(fd, key)
    read_until(fd, key)
    times.append((time.perf_counter() - begun) * 1000)
if count == 0:
    time.sleep(IDLE_SECONDS)
with open("/proc/%d/status" % pid) as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
os.write(fd, b"\n\x04")
try:
    while os.read(fd, 4096):
        pass
except OSError:
    pass
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
times.sort()
values = {"MB": peak}
if times:
    values.update({"p50 ms": times[len(times) // 2], "p99 ms": times[len(times) * 99 // 100]})
with open(result, "w") as file:
    json.dump(values, file)
sys.exit(code)
