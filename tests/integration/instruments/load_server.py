"""A small HTTP server on loopback: `python load_server.py PORT DELAY_MS [TAIL]`.

Every fiftieth answer takes TAIL times as long.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"


async def serve(port: int, delay_s: float, tail: float) -> None:
    """Serve until the process ends."""
    answers = count(1)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(delay_s * (tail if next(answers) % 50 == 0 else 1.0))
                writer.write(_MISSING if b"/missing" in head.split(b"\r\n")[0] else _ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3]) if len(sys.argv) > 3 else 1.0))
