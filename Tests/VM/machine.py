"""The rig's machine: Debian's kernel with an initramfs of busybox, udev and the gateway, under QEMU.

The host asks, the machine does: `Machine.run` sends a shell script over the second serial port and returns what it
printed. USB comes and goes over QMP. Python's standard library is all that it needs.
"""

import atexit
import base64
import json
import os
import shutil
import socket
import stat
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "..", "..", ".build-vm")
ROOT = os.path.join(BUILD, "root")
# In the order in which they need each other.
MODULES = [
    "kernel/fs/configfs/configfs.ko", "kernel/drivers/usb/common/usb-common.ko", "kernel/drivers/usb/core/usbcore.ko",
    "kernel/drivers/usb/host/uhci-hcd.ko", "kernel/drivers/usb/serial/usbserial.ko",
    "kernel/drivers/usb/serial/ftdi_sio.ko", "kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko",
    "kernel/drivers/virtio/virtio_pci_legacy_dev.ko", "kernel/drivers/virtio/virtio_pci_modern_dev.ko",
    "kernel/drivers/virtio/virtio_pci.ko", "kernel/drivers/block/virtio_blk.ko", "kernel/crypto/crc32c_generic.ko",
    "kernel/lib/crc16.ko", "kernel/fs/mbcache.ko", "kernel/fs/jbd2/jbd2.ko", "kernel/fs/ext4/ext4.ko",
]


class Failure(Exception):
    pass


def libraries(program, paths=""):
    """The files of the libraries that a program was linked with, and of the dynamic linker."""
    environment = dict(os.environ, LD_LIBRARY_PATH=paths)
    listing = subprocess.run(["ldd", program], env=environment, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        words = [word for word in line.split() if word.startswith("/")]
        if "not found" in line:
            raise Failure(f"{program}: {line.strip()}")
        if words:
            yield words[0], line.split()[0]


class Initramfs:
    """A newc archive (Documentation/driver-api/early-userspace/buffer-format.rst), so that no cpio is needed."""

    def __init__(self):
        self.entries = {}

    def directory(self, path):
        while path:
            self.entries.setdefault(path, (stat.S_IFDIR | 0o755, b""))
            path = os.path.dirname(path)

    def file(self, source, path, mode=0o755):
        self.directory(os.path.dirname(path))
        with open(source, "rb") as file:
            self.entries[path] = (stat.S_IFREG | mode, file.read())

    def program(self, source, path, paths=""):
        self.file(source, path)
        for library, name in libraries(source, paths):
            # Where the linker looks without a cache, except for the linker itself.
            place = name.lstrip("/") if name.startswith("/") else "lib/x86_64-linux-gnu/" + name
            self.file(library, place)

    def write(self, path):
        with open(path, "wb") as out:
            for number, (name, (mode, content)) in enumerate(sorted(self.entries.items()), 1):
                self.put(out, name, number, mode, content)
            self.put(out, "TRAILER!!!", 0, 0, b"")

    @staticmethod
    def put(out, name, inode, mode, content):
        fields = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out.write(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))


def make_initramfs(binaries, path):
    image = Initramfs()
    for directory in ["proc", "sys", "dev", "run", "tmp", "root", "etc", "state"]:
        image.directory(directory)
    image.file(os.path.join(HERE, "guest", "init"), "init")
    image.file(os.path.join(ROOT, "bin/busybox"), "bin/busybox")
    for program in ["gatewayd", "gatewayctl"]:
        image.program(os.path.join(binaries, program), "usr/bin/" + program)
    tools = os.path.join(BUILD, "tools")
    for tool in os.listdir(tools):
        image.program(os.path.join(tools, tool), "usr/bin/" + tool) if tool.startswith("cgpio") else \
            image.file(os.path.join(tools, tool), "usr/bin/" + tool)
    ours = ":".join(os.path.join(ROOT, place) for place in ["usr/lib/x86_64-linux-gnu/systemd", "usr/lib/x86_64-linux-gnu"])
    image.program(os.path.join(ROOT, "bin/udevadm"), "lib/systemd/systemd-udevd", ours)
    image.program(os.path.join(ROOT, "bin/udevadm"), "usr/bin/udevadm", ours)
    rules = os.path.join(ROOT, "lib/udev/rules.d")
    for rule in ["50-udev-default.rules", "60-serial.rules"]:
        image.file(os.path.join(rules, rule), "lib/udev/rules.d/" + rule, 0o644)
    with open(os.path.join(BUILD, "kernel")) as file:
        modules = os.path.join(ROOT, "lib/modules", file.read().strip())
    for module in MODULES:
        image.file(os.path.join(modules, module), "modules/" + os.path.basename(module), 0o644)
    image.file(os.path.join(BUILD, "sim/gpio-sim.ko"), "modules/gpio-sim.ko", 0o644)
    order = "".join(os.path.basename(module) + "\n" for module in MODULES + ["gpio-sim.ko"])
    image.entries["modules/order"] = (stat.S_IFREG | 0o644, order.encode())
    image.write(path)


class Lines:
    """Lines over a Unix socket that QEMU listens on."""

    def __init__(self, path, timeout):
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise Failure(f"nobody listens on {path}")
                time.sleep(0.05)
        self.rest = b""

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def receive(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.rest:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                bytes = self.socket.recv(65536)
            except TimeoutError:
                raise Failure(f"no answer within {timeout} s")
            if not bytes:
                raise Failure("the machine is gone")
            self.rest += bytes
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode().strip()


class Machine:
    def __init__(self, directory, adapters=(), disk=None):
        """`adapters`: names of character devices that USB serial adapters can be plugged to; each is a Unix socket
        of that name in `directory`, which QEMU listens on. `disk`: a file that is /dev/vda."""
        self.directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        with open(os.path.join(BUILD, "kernel")) as file:
            kernel = os.path.join(ROOT, "boot", "vmlinuz-" + file.read().strip())
        command = [
            "qemu-system-x86_64", "-accel", os.environ.get("VM_ACCEL", "tcg"), "-M", "pc", "-m", "512", "-smp", "1",
            "-display", "none", "-nic", "none", "-no-reboot", "-kernel", kernel,
            "-initrd", os.path.join(BUILD, "initramfs"), "-append", "console=ttyS0 quiet panic=-1 mitigations=off",
            "-serial", "file:" + self.path("console.log"), "-serial", self.listener("agent.sock"),
            "-qmp", self.listener("qmp.sock"), "-device", "piix3-usb-uhci,id=uhci",
        ]
        for name in adapters:
            command += ["-chardev", f"socket,id={name},path={self.path(name)},server=on,wait=off"]
        if disk:
            command += ["-drive", f"file={disk},format=raw,if=virtio"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        atexit.register(self.stop)
        self.qmp = Lines(self.path("qmp.sock"), 20)
        self.qmp.receive(20)
        self.ask_qemu("qmp_capabilities")
        self.agent = Lines(self.path("agent.sock"), 20)
        if self.agent.receive(180) != "ready":
            raise Failure("the machine does not start: see " + self.path("console.log"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def listener(self, name):
        return f"unix:{self.path(name)},server=on,wait=off"

    def ask_qemu(self, command, **arguments):
        self.qmp.send(json.dumps({"execute": command, "arguments": arguments}))
        while True:
            answer = json.loads(self.qmp.receive(30))
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def attempt(self, script, timeout=60):
        """The exit code of a shell script and what it printed."""
        self.agent.send(base64.b64encode(script.encode()).decode())
        answer = self.agent.receive(timeout).split(" ", 1)
        return int(answer[0]), base64.b64decode(answer[1] if len(answer) > 1 else "").decode(errors="replace")

    def run(self, script, timeout=60):
        code, output = self.attempt(script, timeout)
        if code != 0:
            raise Failure(f"exit code {code} of {script!r}: {output}")
        return output.strip()

    def write(self, path, text):
        self.run(f"mkdir -p $(dirname {path}) && base64 -d > {path} <<'.'\n{base64.b64encode(text.encode()).decode()}\n.\n")

    def plug(self, adapter, port, serial=None):
        extra = {"serial": serial} if serial else {}
        self.ask_qemu(
            "device_add", driver="usb-serial", id="usb-" + adapter, chardev=adapter, bus="uhci.0", port=str(port),
            **{"always-plugged": True}, **extra)

    def unplug(self, adapter):
        self.ask_qemu("device_del", id="usb-" + adapter)

    def stop(self):
        self.process.kill()
        self.process.wait()
