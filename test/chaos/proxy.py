"""A TCP proxy between worker and server that cuts connections at chosen moments, with RST in both directions.

It reads the wire protocol: a cut "answer" of a statement falls after the server has committed it (its ReadyForQuery has
arrived here) and before the client has heard of it. Needs sslmode=disable and gssencmode=disable.
"""

import asyncio
import socket
import struct
import threading


class Messages:
    """Take a stream of protocol messages apart as its pieces arrive; the client's first message has no type byte."""

    def __init__(self, client):
        self.untyped = client
        self.rest = b""

    def feed(self, piece):
        self.rest += piece
        while True:
            head = 0 if self.untyped else 1
            if len(self.rest) < head + 4:
                return
            size = head + struct.unpack_from("!i", self.rest, head)[0]
            if len(self.rest) < size:
                return
            yield ("" if self.untyped else chr(self.rest[0])), self.rest[head + 4:size]
            self.rest = self.rest[size:]
            self.untyped = False


class Link:
    """One connection through the proxy."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.requests, self.answers = Messages(True), Messages(False)
        self.asked = 1  # answers that end in ReadyForQuery: the first is that of the start
        self.ready = 0
        self.cut_at = None

    def cut(self):
        for writer in (self.client[1], self.server[1]):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0 and sock.family == socket.AF_INET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def to_server(self):
        while piece := await self.client[0].read(65536):
            order = self.proxy.order
            for kind, body in self.requests.feed(piece):
                if order and kind in ("P", "Q") and order[1] in body and self.proxy.take(order):
                    if order[0] == "request":
                        self.server[1].write(piece[:len(piece) // 2])
                        await self.server[1].drain()
                        return
                    self.cut_at = self.asked + 1
                if kind in ("S", "Q"):
                    self.asked += 1
            self.server[1].write(piece)
            await self.server[1].drain()

    async def to_client(self):
        while piece := await self.server[0].read(65536):
            self.ready += sum(kind == "Z" for kind, _ in self.answers.feed(piece))
            if self.cut_at is not None and self.ready >= self.cut_at:
                return
            self.client[1].write(piece)
            await self.client[1].drain()

    async def run(self):
        tasks = [asyncio.ensure_future(self.to_server()), asyncio.ensure_future(self.to_client())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.cut()


class Proxy:
    """Listens on a free port of 127.0.0.1; runs in a thread of its own."""

    def __init__(self, server_socket):
        self.server_socket = server_socket
        self.order = None  # ("answer" or "request", bytes that the statement holds)
        self.fired = threading.Event()
        self.links = set()
        self.port = None
        self.loop = asyncio.new_event_loop()
        listening = threading.Event()
        threading.Thread(target=self.serve, args=(listening,), daemon=True).start()
        if not listening.wait(10):
            raise RuntimeError("the proxy does not listen")

    def serve(self, listening):
        asyncio.set_event_loop(self.loop)

        async def begin():
            server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            listening.set()
        self.loop.run_until_complete(begin())
        self.loop.run_forever()

    async def accept(self, reader, writer):
        try:
            server = await asyncio.open_unix_connection(self.server_socket)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), server)
        self.links.add(link)
        try:
            await link.run()
        finally:
            self.links.discard(link)

    def take(self, order):
        """Only one connection carries an order out."""
        if self.order is not order:
            return False
        self.order = None
        self.fired.set()
        return True

    def cut_next(self, where, statement, seconds):
        """Cut the next connection that sends this statement; tell whether one came."""
        self.fired.clear()
        self.order = (where, statement.encode())
        came = self.fired.wait(seconds)
        self.order = None
        return came

    def cut_all(self):
        """Cut every connection now; give how many there were."""
        links = list(self.links)
        self.loop.call_soon_threadsafe(lambda: [link.cut() for link in links])
        return len(links)
