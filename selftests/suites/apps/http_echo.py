# SPDX-License-Identifier: GPL-2.0
"""http_echo.py HTTP-PORT ECHO-PORT FILE - answer each HTTP request with the contents of the file,
and send back each byte on the other port, until SIGTERM."""

import asyncio
import signal
import sys


async def main(http_port, echo_port, name):
    with open(name, "rb") as file:
        body = file.read()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def http(reader, writer):
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            writer.write(answer)
            await writer.drain()
        writer.close()

    async def echo(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    # The HTTP port comes last, because it shows that the server is ready.
    await asyncio.start_server(echo, "127.0.0.1", echo_port, backlog=512)
    await asyncio.start_server(http, "127.0.0.1", http_port, backlog=512)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
