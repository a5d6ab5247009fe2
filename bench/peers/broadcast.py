"""The original's way to viewers: one JPEG a frame, in base64 in a JSON text, to all by `websockets.broadcast`.

usage: broadcast.py JPEG FRAMES_A_SECOND PORT COMPRESSION     deflate (what `websockets` does unless told, if a client offers it) or none
Nothing is detected and nothing encoded: only what it takes to tell the viewers is timed.
"""
import asyncio
import base64
import json
import sys
import time
from pathlib import Path

import websockets

picture, rate, port = Path(sys.argv[1]).read_bytes(), float(sys.argv[2]), int(sys.argv[3])
compression = None if sys.argv[4] == "none" else sys.argv[4]
viewers = set()


async def viewer(connection):
    viewers.add(connection)
    try:
        await connection.wait_closed()
    finally:
        viewers.discard(connection)


async def main():
    async with websockets.serve(viewer, "127.0.0.1", port, compression=compression):
        due = time.monotonic()
        while True:
            frame = base64.b64encode(picture).decode()
            message = {"type": "face_event", "name": None, "distance": None, "status": "NO_FACE", "box": None}
            message |= {"timestamp": int(time.time()), "frame": frame}
            websockets.broadcast(viewers, json.dumps(message))
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))


asyncio.run(main())
