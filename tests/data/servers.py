"""A web server on this machine that serves bytes, well or badly."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """What a server holds, how it behaves, and what it was asked."""

    def __init__(self, address):
        self.address = address
        self.files: dict[str, bytes] = {}
        self.ranges = True  # answers a range with that range
        self.cut: int | None = None  # bytes after which each answer breaks off
        self.shift = 0  # ranges begin so many bytes late
        self.sized = True  # says how long an answer is
        self.status = 0  # answers everything with that, where it is one
        self.asked: list[tuple[str, str | None]] = []  # (file, range)

    def put(self, name, content):
        self.files[name] = content
        return f"{self.address}/{name}"


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self, site)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(handler, site):
    name, wanted = handler.path.strip("/"), handler.headers.get("Range")
    site.asked.append((name, wanted))
    content, status = site.files.get(name), 200
    start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and site.ranges else 0
    if site.status or content is None:
        return handler.send_error(site.status or 404)
    if start >= len(content) > 0 and start:
        return handler.send_error(416)
    if start:
        status, start = 206, start + site.shift
    handler.send_response(status)
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if site.sized:
        handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:] if site.cut is None else content[start : start + site.cut])
    return None
