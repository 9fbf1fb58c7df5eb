"""One transfer by asyncssh: bulk-asyncssh.py HOST PORT USER KEY COMMAND; stdin is sent to the command, its output is thrown away."""
import asyncio
import sys

import asyncssh

host, port, user, key, command = sys.argv[1:]


async def main():
    async with asyncssh.connect(host, int(port), username=user, client_keys=[key], known_hosts=None) as connection:
        process = await connection.create_process(command, stdin=sys.stdin.buffer, stdout=asyncssh.DEVNULL, encoding=None)
        await process.wait_closed()


asyncio.run(main())
