"""Block devices for ext4: one that logs each write, and one whose content is put together by the rig.

LoggedDisk: `position()` counts bytes of the log. A write that was acknowledged to the kernel lies below it.
CutDisk: `content` is the device; between `mount()` and `unmount()` the kernel owns it.
"""

import ctypes
import fcntl
import mmap
import os
import struct
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
# One inode table block or two, the smallest journal, nothing that ext4 would write later by itself.
MKFS = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", "64", "-J", "size=4", "-O",
        "^resize_inode", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"]


def end_of_inodes(content):
    """Where the superblock, the bitmaps and the inode table of a file system of one group end."""
    inodes, = struct.unpack_from("<I", content, 1024)
    table, = struct.unpack_from("<I", content, 4096 + 8)
    return table * 4096 + inodes * 256


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def eventually(what, is_true, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = is_true()
        if value:
            return value
        time.sleep(0.005)
    raise TimeoutError(f"waited {seconds} s in vain for {what}")


def attach(image):
    """A loop device on `image`. losetup finds a free one and takes it in two steps, so somebody may be faster."""
    for _ in range(20):
        done = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.strip()
        time.sleep(0.1)
    raise OSError(f"cannot attach {image}: {done.stderr.strip()}")


FLAGS = {"noatime": 1 << 10, "lazytime": 1 << 25}


def mount(device, directory, options=""):
    """0, or errno."""
    words = [word for word in options.split(",") if word]
    flags = sum(FLAGS.get(word, 0) for word in words)
    data = ",".join(word for word in words if word not in FLAGS)
    if LIBC.mount(device.encode(), directory.encode(), b"ext4", flags, data.encode()) == 0:
        return 0
    return ctypes.get_errno()


def unmount(directory):
    def is_unmounted():
        return LIBC.umount2(directory.encode(), 0) == 0
    eventually(f"{directory} to be unmounted ({os.strerror(ctypes.get_errno())})", is_unmounted)


def extents(path):
    """Where a file lies on its device: [(offset in the file, offset on the device, length)], in the file's order.
    Linux, Documentation/filesystems/fiemap.rst."""
    count, head, extent = 256, struct.Struct("<QQIIII"), struct.Struct("<QQQ16xI12x")
    with open(path, "rb") as file:
        request = bytearray(head.pack(0, (1 << 64) - 1, 0, 0, count, 0) + bytes(count * extent.size))
        fcntl.ioctl(file, 0xC020660B, request)
    found = head.unpack_from(request)[3]
    if found == count:
        raise OSError(f"{path} lies in more than {count} pieces")
    return [extent.unpack_from(request, head.size + place * extent.size)[:3] for place in range(found)]


def punch(file, offset, length):
    """Gives the room of a part of a file back; it stays as long as it is."""
    keep_size, punch_hole = 1, 2
    offset, length = ctypes.c_longlong(offset), ctypes.c_longlong(length)
    if LIBC.fallocate(file.fileno(), keep_size | punch_hole, offset, length) != 0:
        raise OSError(ctypes.get_errno(), "cannot punch a hole")


class LoggedDisk:
    """qemu-storage-daemon logs what a loop device over its FUSE export writes. `image`: what it starts with; else it
    is made empty, of `size` bytes, with a file system. `options`: how it is mounted."""

    def __init__(self, directory, size=None, image=None, options=""):
        os.makedirs(directory + "/mnt", exist_ok=True)
        self.mounted = directory + "/mnt"
        self.base, self.log, export = directory + "/base", directory + "/log", directory + "/export"
        with open(self.base, "wb") as file:
            file.write(image) if image is not None else file.truncate(size)
        for path in (self.log, export):
            open(path, "wb").close()
        self.server = subprocess.Popen(
            ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=base,filename={self.base}",
             "--blockdev", f"driver=file,node-name=log,filename={self.log}", "--blockdev",
             "driver=blklogwrites,node-name=logged,file=base,log=log,log-sector-size=512,log-super-update-interval=1",
             "--export", f"type=fuse,id=e,node-name=logged,mountpoint={export},writable=on"],
            stdout=subprocess.DEVNULL, stderr=open(directory + "/qemu.txt", "w"))
        self.device = None
        try:
            eventually("the FUSE export", lambda: os.path.ismount(export))
            self.device = attach(export)
            if image is None:
                run(*MKFS, self.device)
            error = mount(self.device, self.mounted, options)
            if error:
                raise OSError(error, f"cannot mount {self.device}: {os.strerror(error)}")
        except BaseException:
            self.close()
            raise

    def position(self):
        return os.stat(self.log).st_size

    def close(self):
        if os.path.ismount(self.mounted):
            unmount(self.mounted)
        if self.device:
            run("losetup", "--detach", self.device)
            self.device = None
        self.server.terminate()
        try:
            self.server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            # Seen once: it waited five minutes for its own export, with everything written long before.
            self.server.kill()
            self.server.wait()


class CutDisk:
    """One loop device, used again and again: what is put into `content` is what the kernel mounts next, because
    nobody has the device open between an unmount and the next mount."""

    def __init__(self, directory, size):
        os.makedirs(directory + "/mnt", exist_ok=True)
        self.mounted, self.image = directory + "/mnt", directory + "/image"
        with open(self.image, "wb") as file:
            file.truncate(size)
        with open(self.image, "r+b") as file:
            self.content = mmap.mmap(file.fileno(), size)
        self.device = attach(self.image)

    def mount(self):
        """"", or "repaired" when ext4 needed e2fsck, or "refused" when that did not help either."""
        if mount(self.device, self.mounted) == 0:
            return ""
        subprocess.run(["e2fsck", "-fy", self.device], capture_output=True)
        return "repaired" if mount(self.device, self.mounted) == 0 else "refused"

    def unmount(self):
        unmount(self.mounted)

    def close(self):
        if os.path.ismount(self.mounted):
            unmount(self.mounted)
        run("losetup", "--detach", self.device)
        self.content.close()
