#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""ClickHouse's HTTP interface, as far as heapprof uses it, before an Engine.

A statement is in the URL's `query` or, without one, the body; `database`, `param_NAME` and settings are in the URL. An error is
a status with X-ClickHouse-Exception-Code and "Code: N. DB::Exception: ..." as its text."""

import base64
import gzip
import http.server
import os
import re
import tempfile
import urllib.parse

# What of the URL is no setting.
OTHERS = {"query", "database", "user", "password", "default_format", "readonly", "wait_end_of_query", "compress", "decompress"}
STATUSES = {"60": 404, "62": 400, "516": 403}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet

    def log_message(self, *_):
        pass

    def answer(self, status, body, code=""):
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        url = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        server.requests.append((url, len(body)))
        fault = server.faults.pop(0) if server.faults else None
        if fault == "before":  # nothing is done, and nothing said
            self.close_connection = True
            return
        if isinstance(fault, int):
            self.answer(fault, b"Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)\n", "202")
            return
        login = base64.b64decode(self.headers.get("Authorization", "Basic ZGVmYXVsdDo=").split()[-1]).decode()
        if login != server.login:
            self.answer(403, b"Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)\n", "516")
            return
        try:
            out = self.run(url, body)
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            code = code.group(1) if code else "1002"
            self.answer(STATUSES.get(code, 500), str(error).encode() + b"\n", code)
            return
        if fault == "after":  # all is done, and nothing said
            self.close_connection = True
            return
        self.answer(200, out)

    def run(self, url, body):
        engine = self.server.engine
        engine.query(f"USE `{url.get('database', 'default')}`")
        parameters = {name[6:]: value for name, value in url.items() if name.startswith("param_")}
        if "query" not in url:
            return engine.query(body, parameters=parameters)
        settings = ", ".join(f"{name} = '{value}'" for name, value in url.items()
                             if name not in OTHERS and not name.startswith("param_"))
        insert = re.fullmatch(r"INSERT INTO (\w+) FORMAT (\w+)", url["query"])
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            return engine.query(f"INSERT INTO {insert[1]} FROM INFILE '{file.name}' COMPRESSION 'none' "
                                + (f"SETTINGS {settings} " if settings else "") + f"FORMAT {insert[2]}")


class Server(http.server.HTTPServer):
    """Serves in the thread that calls serve_forever: the engine is used by that one alone.

    faults: for each request to come None, a status, "before" or "after" (the connection ends without an answer)."""

    def __init__(self, engine, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.engine, self.login, self.faults, self.requests = engine, "default:", [], []


if __name__ == "__main__":  # clickhouse_server.py LIBRARY FOLDER PORT
    import sys
    import clickhouse_engine
    os.makedirs(sys.argv[2], exist_ok=True)
    Server(clickhouse_engine.Engine(sys.argv[1], sys.argv[2]), int(sys.argv[3])).serve_forever()
