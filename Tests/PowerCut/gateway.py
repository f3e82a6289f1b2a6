"""The real gatewayd between a simulated field and a platform, and what it says about itself.

Field and Platform live as long as the rig; a Gateway is one life of the daemon on one disk.
"""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

POINTS_PER_UNIT = 50


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Field:
    """`gateway-sim field`: four units with registers that all count, so that no two rows say the same."""

    def __init__(self, binaries, directory):
        self.port = free_port()
        lines = [f'- listen: "127.0.0.1:{self.port}"', "  units: 1-4", "  registers:"]
        lines += [f"    - {{at: holding {place}, value: {{counter: {7 + place}}}}}" for place in range(POINTS_PER_UNIT)]
        path = directory + "/field.yaml"
        with open(path, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.process = subprocess.Popen([binaries + "/gateway-sim", "field", path, "--quiet"], stdout=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait()


class HTTPServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A gateway that is killed hangs up in the middle of everything.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Platform:
    """Takes batches while it is `up`. Notes the disk's position in both directions of time:

    received  (position, stream, first row, last row): when a batch has come in, its rows are said to be stored
    answered  the same, before a batch is acknowledged, so nothing written below that position can know of it
    """

    def __init__(self):
        platform = self

        class Request(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                code = platform.take(self.headers["Idempotency-Key"].strip('"'))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.up, self.disk = True, None
        self.received, self.answered = [], []
        self.server = HTTPServer(("127.0.0.1", 0), Request)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def attend(self, disk):
        self.disk = disk

    def attend_no_more(self):
        """Whoever sends still is turned away."""
        self.disk = None

    def take(self, key):
        disk = self.disk
        if disk is None:
            return 503
        stream, first, last = key.split("-")
        self.received.append((disk.position(), stream, int(first), int(last)))
        if not self.up:
            return 503
        self.answered.append((disk.position(), stream, int(first), int(last)))
        return 200

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Gateway:
    """Promises are polled: `stored` rows that a status counts lie below the position that is read after it."""

    def __init__(self, binaries, directory, disk, field, platform, every="100ms", points=26, commit="100ms",
                 evict="oldest", preload=None, polled=0.01):
        self.polled = polled
        self.binaries, self.directory, self.disk = binaries, directory, disk
        self.environment = dict(os.environ, **(preload or {}))
        #: (position, rows)
        self.promises = []
        #: (position before, position after, books, commits since the start)
        self.samples = []
        self.config, self.socket = directory + "/gateway.yaml", directory + "/control.sock"
        self.process = self.poller = None
        with open(self.config, "w") as file:
            file.write(self.configuration(field.port, platform.port, every, points, commit, evict))

    @staticmethod
    def configuration(field, platform, every, points, commit, evict):
        lines = ["gateway: {id: power-cut}", f"store: {{capacity: 12MiB, commit: {commit}, evict: {evict}}}",
                 f"defaults: {{every: {every}}}",
                 f'buses: [{{name: lan, type: modbus-tcp, address: "127.0.0.1:{field}", timeout: 300ms}}]', "devices:"]
        for unit in range(1, 5):
            lines += [f"  - name: d{unit}", "    bus: lan", f"    unit: {unit}", "    points:"]
            # One point in 25 is a window, whose state every commit carries.
            lines += [f"      - {{name: p{place}, at: holding {place}, type: uint16, "
                      f"window: {'1s' if place % 25 == 24 else 'raw'}}}" for place in range(points)]
        lines += [f'destinations: [{{name: platform, url: "http://127.0.0.1:{platform}/v1/batches", '
                  "batch: {linger: 20ms}, timeout: 2s, retry: {initial: 100ms, max: 300ms}}]"]
        return "\n".join(lines) + "\n"

    def start(self):
        log = open(self.directory + "/gatewayd.txt", "a")
        # Nobody asks a socket that an earlier life left behind.
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.process = subprocess.Popen(
            [self.binaries + "/gatewayd", "--config", self.config, "--state", self.disk.mounted + "/state",
             "--socket", self.socket], env=self.environment, stdout=log, stderr=log)
        self.earlier_samples = len(self.samples)
        self.stopping = threading.Event()
        self.poller = threading.Thread(target=self.poll)
        self.poller.start()

    def poll(self):
        while not self.stopping.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as control:
                    control.settimeout(5)
                    control.connect(self.socket)
                    while not self.stopping.is_set():
                        self.sample(control)
                        time.sleep(self.polled)
            except (OSError, ValueError):
                time.sleep(0.005)

    def sample(self, control):
        before = self.disk.position()
        control.sendall(b'{"method":"org.citygateway.Status","parameters":{}}\0')
        reply = b""
        while not reply.endswith(b"\0"):
            piece = control.recv(1 << 16)
            if not piece:
                raise OSError("the daemon hung up")
            reply += piece
        status = json.loads(reply[:-1])["parameters"]
        books, store = status["accounting"], status["store"]
        after = self.disk.position()
        self.promises.append((after, books["stored"]))
        self.samples.append((before, after, books, store["commits"]))

    def runs(self):
        return self.process.poll() is None

    def commits(self):
        """Of this life, as far as it was asked."""
        return self.samples[-1][3] if len(self.samples) > self.earlier_samples else 0

    def end(self, number):
        self.stopping.set()
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        self.poller.join()
        return code

    def stop(self):
        return self.end(signal.SIGTERM)

    def kill(self):
        return self.end(signal.SIGKILL)
