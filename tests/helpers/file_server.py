"""A web server on this computer that gives out small files, as the Hugging Face Hub does.

It also gives out the rest of a file from a byte on, and can end before it should.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REVISION = "0123abcd"


class FileServer(ThreadingHTTPServer):
    """Serve `files`, contents by address; those in `cut` end before they should.

    `begins` has the first byte of each answer.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.begins: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add_model(self, name: str, config: bytes, weights: bytes, *, sha256: bool = True) -> None:
        """Give out a model; without `sha256` its checksum is not stated."""
        digest = hashlib.sha256(weights).hexdigest()
        stated = {"lfs": {"sha256": digest, "size": len(weights)}} if sha256 else {}
        siblings = [
            {"rfilename": "config.json"},
            {"rfilename": "model.safetensors", "size": len(weights), **stated},
        ]
        card = {"license": "other", "license_name": "test-licence"}
        answer = {"sha": REVISION, "cardData": card, "siblings": siblings}
        self.files[f"/api/models/{name}?blobs=true"] = json.dumps(answer).encode()
        self.files[f"/{name}/resolve/{REVISION}/config.json"] = config
        self.files[f"/{name}/resolve/{REVISION}/model.safetensors"] = weights


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        begin = int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])
        self.server.begins.append(begin)
        content = content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:-1] if self.path in self.server.cut else content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Run a server; it has stopped when the block ends."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
