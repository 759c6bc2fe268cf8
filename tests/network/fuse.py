# SPDX-License-Identifier: GPL-2.0-or-later
"""FUSE: a directory that bindfs shows a second time, as QEMU sees it.

Stands for all file systems whose server is a program: when it dies, open files
are lost with it.
"""
import os
import subprocess

import packages
from common import Failed, Server, Storage, local


class Fuse(Storage):
    name = 'fuse'
    can_wait = False
    can_fail = True

    def __init__(self, tools, directory):
        super().__init__(tools, directory)
        self.source = os.path.join(directory, 'fuse-source')
        self.mount = os.path.join(directory, 'fuse')
        self.log = os.path.join(directory, 'bindfs.log')

    def missing(self):
        if not packages.find('bindfs'):
            return 'no bindfs'
        if not os.access('/dev/fuse', os.R_OK | os.W_OK):
            return 'no access to /dev/fuse'
        return None if os.geteuid() == 0 else \
            'only root, if only in a namespace, mounts'

    def open(self):
        os.mkdir(self.source)
        os.mkdir(self.mount)
        self.start()

    def start(self):
        self.unmount()
        self.server = Server([packages.find('bindfs'), '-f',
                              '--no-allow-other', self.source, self.mount],
                             self.log, packages.environment())
        self.server.wait_until(lambda: os.path.ismount(self.mount))

    def place(self, megabytes):
        return local(os.path.join(self.mount, self.next_name()))

    def real_length(self, place):
        return os.path.getsize(os.path.join(
            self.source, os.path.basename(place.image)))

    def unmount(self):
        """A mount point outlives its server, and nothing works there."""
        with open('/proc/self/mounts', encoding='utf-8') as mounts:
            if f' {self.mount} ' not in mounts.read():
                return
        result = subprocess.run(['umount', '--lazy', self.mount],
                                capture_output=True, check=False, text=True)
        if result.returncode:
            raise Failed(f'umount: {result.stderr.strip()}')

    def close(self):
        self.unmount()
        super().close()
