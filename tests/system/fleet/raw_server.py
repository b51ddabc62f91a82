# SPDX-License-Identifier: Apache-2.0
"""A server that answers each request with bytes that a test has made, HTTP or not."""

import socket
import threading

ENDLESS = object()  # a head, and bytes for as long as somebody takes them


class RawServer:
    """requests: (target, body) of each; heads: their lines as text. The last answer is given again and again."""

    def __init__(self, answers):
        self.answers, self.requests, self.heads = list(answers), [], []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            with client:
                try:
                    self.exchange(client)
                except OSError:
                    pass

    def exchange(self, client):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = client.recv(1 << 16)
            if not piece:
                return
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
        while len(body) < length:
            body += client.recv(1 << 16)
        self.heads.append(head.decode())
        self.requests.append((lines[0].split(" ")[1], body.decode(errors="replace")))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is ENDLESS:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                client.sendall(bytes(1 << 16))
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)
