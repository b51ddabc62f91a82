# SPDX-License-Identifier: Apache-2.0
"""A server of debug files: DIR/buildid/ID/debuginfo and /executable, on a free port of the loopback device.

Usage: debuginfod_server.py DIR. Prints the port; ends when it is killed.
"""

import functools
import http.server
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def main():
    server = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
