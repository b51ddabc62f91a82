# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the engines that profiles are pushed to: one server with the rules of all three, and with failures.

Usage: stand_in.py PORT_FILE LOG [--port N] [--failures PERCENT] [--seed N] [--user NAME:PASSWORD] [--token T]
                   [--tenant T] [--certificate FILE]
The port is written to PORT_FILE once it listens. Each profile that is taken becomes a line of LOG before it is
answered; "violation" lines tell of requests that break a rule. Failures, drawn for each request: refused before
anything was taken (408, 429, 500, 503), refused for good (400), the connection ended in the middle of the request,
or after the profile was taken, without an answer.
"""

import argparse
import base64
import http.server
import json
import os
import random
import socketserver
import ssl
import threading

import engine_rules

FAILURES = ("busy", "busy", "busy", "halfway", "taken", "refused")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet

    def log_message(self, *_):
        pass

    def log(self, kind, **what):
        line = json.dumps(dict(what, kind=kind)) + "\n"
        os.write(self.server.log, line.encode())

    def answer(self, status, text="", headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def allowed(self):
        options, login = self.server.options, self.headers.get("Authorization", "")
        if options.user and login != "Basic " + base64.b64encode(options.user.encode()).decode():
            return False
        if options.token and login != "Bearer " + options.token:
            return False
        return not options.tenant or self.headers.get("X-Scope-OrgID") == options.tenant

    def engine(self):
        path = self.path.partition("?")[0]
        return {"/ingest": "pyroscope", "/v1/pprof": "otlp"}.get(path, "parca")

    def do_POST(self):
        with self.server.drawing:
            draw = self.server.random.random() * 100
            failure = self.server.random.choice(FAILURES) if draw < self.server.options.failures else ""
        length = int(self.headers["Content-Length"])
        if failure == "halfway":
            self.rfile.read(length // 2)
            return self.hang_up()
        body = self.rfile.read(length)
        if len(body) < length:  # the sender has died
            return self.hang_up()
        if not self.allowed():
            return self.answer(401, "unauthorized")
        if failure == "busy":
            status = self.server.random.choice((408, 429, 500, 503))
            return self.answer(status, "busy", [("Retry-After", "0")] if status == 429 else [])
        try:
            profile, labels, status = engine_rules.ENGINES[self.engine()](self.path, self.headers, body)
        except engine_rules.Refused as refused:
            self.log("violation", why=str(refused), path=self.path[:200])
            return self.answer(refused.status, str(refused))
        except Exception as error:  # a request that is not even read is one, too
            self.log("violation", why=repr(error), path=self.path[:200])
            return self.answer(400, repr(error))
        if failure == "refused":
            return self.answer(400, "no")
        self.log("taken", engine=self.engine(), labels=labels, types=profile.type_names(), samples=len(profile.samples),
                 totals=profile.totals(), time=profile.time, duration=profile.duration, comments=profile.comment_texts())
        if failure == "taken":
            return self.hang_up()
        return self.answer(status)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):  # without asking for the machine's name
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port_file")
    parser.add_argument("log")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--failures", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--user", default="")
    parser.add_argument("--token", default="")
    parser.add_argument("--tenant", default="")
    parser.add_argument("--certificate", default="")
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), Handler)
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.options, server.random, server.drawing = options, random.Random(options.seed), threading.Lock()
    server.log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with open(options.port_file + ".tmp", "w", encoding="ascii") as text:
        text.write(f"{server.server_address[1]}\n")
    os.rename(options.port_file + ".tmp", options.port_file)
    print("listening", flush=True)
    server.serve_forever()


main()
