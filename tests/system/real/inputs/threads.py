# SPDX-License-Identifier: Apache-2.0
# Four threads that wait in different ways.
import queue
import socket
import threading
import time

lock = threading.Lock()
lock.acquire()
ends = socket.socketpair()
for body in (lambda: time.sleep(600), lock.acquire, queue.Queue().get, lambda: ends[0].recv(1)):
    threading.Thread(target=body, daemon=True).start()
time.sleep(0.5)
print("ready", flush=True)
time.sleep(600)
