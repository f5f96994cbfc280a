"""A small HTTP server on loopback: `python load_server.py PORT DELAY_MS [TAIL [LIMIT]]`.

Every fiftieth answer takes TAIL times as long. At most LIMIT requests are answered at a time, the others wait.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"


async def serve(port: int, delay_s: float, tail: float, limit: int) -> None:
    """Serve until the process ends."""
    answers = count(1)
    pool = asyncio.Semaphore(limit)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                async with pool:
                    await asyncio.sleep(delay_s * (tail if next(answers) % 50 == 0 else 1.0))
                writer.write(_MISSING if b"/missing" in head.split(b"\r\n")[0] else _ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    port, delay_ms, tail, limit = (*sys.argv[1:], *("1", "1000000")[len(sys.argv) - 3 :])
    asyncio.run(serve(int(port), float(delay_ms) / 1000, float(tail), int(limit)))
