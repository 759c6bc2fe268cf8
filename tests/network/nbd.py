# SPDX-License-Identifier: GPL-2.0-or-later
"""NBD: a file of fixed length behind nbdkit, or behind qemu-nbd.

Both tell how long a request may be, and note how long those were that came.
What the file had before the image was made is not zeros.
"""
import glob
import os
import re
import shutil

from common import (KIB, MIB, PATIENCE, Failed, Place, Server, Storage,
                    answers, free_port, run)

LIMIT = 64 * KIB
GARBAGE = b'\xee'


class Nbd(Storage):
    is_fixed = True
    can_fail = True
    lengths = re.compile('')    # of writes, in the log of the server
    no_room = re.compile('No space left on device')

    def __init__(self, tools, directory):
        super().__init__(tools, directory)
        self.file = None
        self.log = os.path.join(directory, f'{self.name}.log')

    def missing(self):
        return None if self.tools.has_driver('nbd') else \
            'this QEMU has no driver nbd'

    def place(self, megabytes):
        self.file = os.path.join(self.directory, self.next_name())
        self.lengthen(megabytes)
        return self.export()

    def lengthen(self, megabytes):
        """Nobody uses it meanwhile."""
        self.close()
        with open(self.file, 'ab') as file:
            for _ in range(megabytes):
                file.write(GARBAGE * MIB)
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.start()

    def export(self):
        """The place, for clients."""
        raise NotImplementedError

    def patient(self, place):
        return place._replace(
            storage=f'{place.storage},reconnect-delay={PATIENCE}')

    def judge(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            lengths = [int(length, 0) for length in
                       self.lengths.findall(log.read())]
        if not lengths or max(lengths) != LIMIT:
            raise Failed(f'{len(lengths)} writes, the longest of '
                         f'{max(lengths, default=0)} bytes: not split at '
                         f'{LIMIT}')
        return f'{len(lengths)} writes, none above {LIMIT // KIB} KiB'


class Nbdkit(Nbd):
    """With a volatile cache in front of the file, if `cache` is not None."""

    name = 'nbd-nbdkit'
    lengths = re.compile(r' Write id=\d+ offset=\w+ count=(0x[0-9a-f]+)')
    cache = None

    def missing(self):
        if not shutil.which('nbdkit'):
            return 'no nbdkit'
        config = run(['nbdkit', '--dump-config'])
        path = re.search(r'^filterdir=(.*)$', config, re.M)
        if not path or not glob.glob(os.path.join(
                path[1], 'nbdkit-blocksize-policy-filter.*')):
            return 'nbdkit has no filter blocksize-policy'
        return super().missing()

    @property
    def socket(self):
        return os.path.join(self.directory, 'nbdkit')

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        cache = ['--filter=cache'] if self.cache else []
        mode = [f'cache={self.cache}'] if self.cache else []
        # what is no multiple of 4096, or too long, is refused
        self.server = Server(
            ['nbdkit', '--foreground', '--exit-with-parent', '--unix',
             self.socket, '--filter=blocksize-policy', '--filter=log', *cache,
             'file', self.file, 'blocksize-minimum=4096',
             f'blocksize-maximum={LIMIT}', 'blocksize-error-policy=error',
             f'logfile={self.log}', 'logappend=true', *mode],
            f'{self.log}.messages', {**os.environ, 'TMPDIR': self.directory})
        self.server.wait_until(lambda: answers(self.socket))

    def export(self):
        return Place(f'nbd+unix:///?socket={self.socket}',
                     f'driver=nbd,server.type=unix,server.path={self.socket}')


class QemuNbd(Nbd):
    name = 'nbd-qemu-nbd'
    lengths = re.compile(r'Payload received: cookie = \d+, len = (\d+)')
    # its answer to all that it refuses, up to QEMU 10.2 at least
    no_room = re.compile('No space left on device|Invalid argument')

    def __init__(self, tools, directory):
        super().__init__(tools, directory)
        self.port = free_port()

    def start(self):
        # blkdebug only has the limit
        self.server = Server(
            [self.tools.path('qemu-nbd'), '--persistent', '--shared=0',
             '--bind=127.0.0.1', f'--port={self.port}', '--trace',
             'enable=nbd_co_receive_request_payload_received', '--image-opts',
             f'driver=raw,discard=unmap,file.driver=blkdebug,'
             f'file.max-transfer={LIMIT},file.image.driver=file,'
             f'file.image.filename={self.file}'], self.log)
        self.server.wait_until(lambda: answers(('127.0.0.1', self.port)))

    def export(self):
        return Place(f'nbd://127.0.0.1:{self.port}',
                     f'driver=nbd,server.type=inet,server.host=127.0.0.1,'
                     f'server.port={self.port}')
