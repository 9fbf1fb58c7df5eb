"""One transfer by paramiko: bulk-paramiko.py HOST PORT USER KEY COMMAND; stdin is sent to the command, its output is thrown away."""
import sys

import paramiko

host, port, user, key, command = sys.argv[1:]
CHUNK = 256 * 1024

client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.MissingHostKeyPolicy())
client.connect(host, int(port), username=user, key_filename=key, allow_agent=False, look_for_keys=False)
transport = client.get_transport()
# its key exchange in the middle of much data fails (Key-exchange timed out), and none is due so early
transport.packetizer.REKEY_BYTES = transport.packetizer.REKEY_PACKETS = 2**40
channel = transport.open_session(window_size=2 * 1024 * 1024)
channel.exec_command(command)
while data := sys.stdin.buffer.read(CHUNK):
    channel.sendall(data)
channel.shutdown_write()
while channel.recv(CHUNK):
    pass
status = channel.recv_exit_status()
client.close()
sys.exit(status)
