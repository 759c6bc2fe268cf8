# Zoned qcow2 images in use by a storage daemon: what the zone-* tests share
#
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A ZoneDaemonCase has an image with zones, node "base" of a storage daemon that
# exports it by NBD, from an iothread if asked to; clients write to it, and the
# daemon can be killed.  A ZoneChainCase has overlays besides, and a
# target for a job, which can be made again and again.

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
from typing import Any, ContextManager, Dict, Iterator, List, Optional, Tuple

import iotests
from zoneimage import KIB, ZDEV, ZonedImage, describe_zones, encode_word, \
    run_tool

FMT = iotests.imgfmt
base_path = os.path.join(iotests.test_dir, 'base.img')
over_paths = [os.path.join(iotests.test_dir, f'over{i}.img') for i in range(8)]
nbd_path = os.path.join(iotests.sock_dir, 'nbd.sock')
target_path = os.path.join(iotests.test_dir, 'target.img')
template_path = os.path.join(iotests.test_dir, 'template.img')
stderr_path = os.path.join(iotests.test_dir, 'stderr')


@contextlib.contextmanager
def redirect(fd: int, path: str) -> Iterator[None]:
    saved = os.dup(fd)
    with open(path, 'wb') as target:
        os.dup2(target.fileno(), fd)
    try:
        yield
    finally:
        os.dup2(saved, fd)
        os.close(saved)


def silence() -> ContextManager[None]:
    """What is started here says nothing of the images that it creates"""
    return redirect(1, os.devnull)


class NbdClient:
    """Just enough of NBD, with many requests in flight"""
    READ, WRITE, FLUSH = 0, 1, 3

    def __init__(self, name: str = 'zones', path: str = nbd_path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        magic, flags = struct.unpack('>16sH', self._exactly(18))
        assert magic == b'NBDMAGICIHAVEOPT' and flags & 1
        # no zeros behind the answer to option 1, the name of the export
        self.socket.sendall(struct.pack('>I8sII', 3, b'IHAVEOPT', 1,
                                        len(name)) + name.encode())
        self.size, _ = struct.unpack('>QH', self._exactly(10))
        self.cookie = 0
        self.lengths: Dict[int, int] = {}   # of reads in flight

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            chunk = self.socket.recv(length - len(data))
            if not chunk:
                raise ConnectionError('the server is gone')
            data += chunk
        return bytes(data)

    def send(self, command: int, offset: int = 0, length: int = 0,
             data: bytes = b'') -> int:
        """The cookie of the answer"""
        self.cookie += 1
        if command == self.READ:
            self.lengths[self.cookie] = length
        length = len(data) or length
        self.socket.sendall(struct.pack('>IHHQQI', 0x25609513, 0, command,
                                        self.cookie, offset, length) + data)
        return self.cookie

    def answers(self, seconds: float = 0) -> bool:
        return bool(select.select([self.socket], [], [], seconds)[0])

    def receive(self) -> Tuple[int, int, bytes]:
        """Cookie, error number, and data of a read"""
        magic, error, cookie = struct.unpack('>IIQ', self._exactly(16))
        assert magic == 0x67446698
        length = self.lengths.pop(cookie, 0)
        return cookie, error, b'' if error else self._exactly(length)

    def call(self, command: int, offset: int = 0, length: int = 0,
             data: bytes = b'') -> Tuple[int, bytes]:
        """With nothing else in flight: the error number, and data"""
        cookie = self.send(command, offset, length, data)
        answer = self.receive()
        assert answer[0] == cookie
        return answer[1:]

    def close(self) -> None:
        self.socket.close()


class ZoneDaemonCase(iotests.QMPTestCase):
    """8 zones of 1 MiB"""
    options: Dict[str, str] = {'size': '1M', 'max_open_zones': '6',
                               'max_active_zones': '7'}

    def setUp(self) -> None:
        self.base = ZonedImage(base_path)
        self.base.create('8M', 'zd_extension_size=64', **self.options)
        self.qsd: Optional[iotests.QemuStorageDaemon] = None

    def tearDown(self) -> None:
        if self.qsd:
            self.stop()
        for path in [base_path, *over_paths, stderr_path]:
            ZonedImage(path).remove()

    def start(self, iothread: bool = False, **options: Any) -> None:
        node = {'driver': FMT, 'node-name': 'base', 'zone-commit-interval': 0,
                'file': {'driver': 'file', 'filename': base_path}, **options}
        with silence():
            self.qsd = iotests.QemuStorageDaemon(
                '--object', 'iothread,id=iothread0',
                '--blockdev', json.dumps(node),
                '--nbd-server', f'addr.type=unix,addr.path={nbd_path},'
                'max-connections=0',
                '--export', 'nbd,id=export0,node-name=base,name=zones,'
                'writable=on' + (',iothread=iothread0' if iothread else ''),
                qmp=True)

    def start_empty(self) -> None:
        """No node, no export; errors that it prints go to stderr_path"""
        with silence(), redirect(2, stderr_path):
            self.qsd = iotests.QemuStorageDaemon(
                '--nbd-server', f'addr.type=unix,addr.path={nbd_path},'
                'max-connections=0', qmp=True)

    def export(self, node: str, name: str = 'zones',
               writable: bool = True) -> None:
        self.execute('block-export-add', type='nbd', id=name, node_name=node,
                     name=name, writable=writable)

    def unexport(self, name: str) -> None:
        self.execute('block-export-del', id=name, mode='hard')
        while any(export['id'] == name
                  for export in self.execute('query-block-exports')):
            pass

    def stop(self, sig: int = signal.SIGTERM) -> None:
        assert self.qsd
        self.qsd.stop(sig)
        self.qsd = None

    # Commands

    def execute(self, command: str, **arguments: Any) -> Any:
        assert self.qsd
        return self.qsd.cmd(command, {key.replace('_', '-'): value for
                                      key, value in arguments.items()})

    def refused(self, message: str, command: str, **arguments: Any) -> None:
        """The command fails with this error"""
        assert self.qsd
        reply = self.qsd.qmp(command, {key.replace('_', '-'): value for
                                       key, value in arguments.items()})
        self.assertRegex(reply.get('error', {}).get('desc', f'{reply}'),
                         f'^{message}$')

    def zones(self, node: str) -> List[str]:
        zones = self.execute('query-block-zones', node_name=node)['zones']
        return describe_zones(zones)

    def create_over(self, idx: int) -> ZonedImage:
        iotests.qemu_img_create('-f', FMT, '-b', base_path, '-F', FMT,
                                over_paths[idx])
        return ZonedImage(over_paths[idx])

    def add_over(self, idx: int, file: Any = None, **options: Any) -> None:
        self.execute('blockdev-add', driver=FMT, node_name=f'over{idx}',
                     backing=None, zone_commit_interval=0,
                     file=file or {'driver': 'file',
                                   'filename': over_paths[idx]}, **options)

    # Reads and writes of a client

    def client_args(self, *commands: str) -> List[str]:
        args = list(iotests.qemu_io_args_no_fmt)
        for command in commands:
            args += ['-c', command]
        return [*args, '-f', 'raw', f'nbd+unix:///zones?socket={nbd_path}']

    def client(self, *commands: str) -> None:
        result = run_tool(*self.client_args(*commands), timeout=60)
        self.assertNotRegex(result.stdout, 'failed|error|Illegal')
        self.assertEqual(result.returncode, 0)

    def image_reads(self, image: ZonedImage, *commands: str) -> None:
        result = image.run_io(*commands, flags=('-r',))
        self.assertNotRegex(result.stdout, 'failed|error|Illegal|open')
        self.assertEqual(result.returncode, 0)

    def check(self, *images: ZonedImage) -> None:
        for image in images:
            result = run_tool(*iotests.qemu_img_args, 'check', '-q', '-f', FMT,
                              image.path)
            self.assertIn(result.returncode, (0, 3), result.stdout)
            self.assertNotIn('ERROR', result.stdout)


class ZoneChainCase(ZoneDaemonCase):
    """
    Zones of the drive: each level adds pieces to those below.  Zone 4 is reset
    in the second level, zone 5 is Empty with an extension.
    """
    options = {'size': '256k', 'max_open_zones': '4', 'max_active_zones': '6'}
    nr_zones = 6
    zone_bytes = 256 * KIB
    extension_bytes = 64
    # {zone: (byte, length)}; all of zone 1
    pieces: List[Dict[int, Tuple[int, int]]] = [
        {0: (1, 40 * KIB), 1: (2, 256 * KIB), 2: (3, 8 * KIB),
         4: (4, 28 * KIB)},
        {0: (5, 20 * KIB), 3: (6, 36 * KIB), 4: (7, 12 * KIB)},
        {0: (8, 12 * KIB), 2: (9, 16 * KIB)}]
    levels = 1
    target_backing: Optional[str] = None

    def setUp(self) -> None:
        self.qsd = None
        self.images = [ZonedImage(path) for path
                       in (base_path, *over_paths)][:self.levels]
        self.base = self.images[0]
        self.nodes = ['base', 'over0', 'over1'][:self.levels]
        self.contents: List[List[bytes]] = []   # zones of each level
        for i in range(self.levels):
            self.create_level(i)
        self.create_template()

    def tearDown(self) -> None:
        super().tearDown()
        for path in (target_path, template_path,
                     *[f'{image.path}.new' for image in self.images]):
            ZonedImage(path).remove()

    # Images

    def create_empty(self, path: str) -> None:
        size = self.nr_zones * self.zone_bytes
        ZonedImage(path).create(str(size), 'cluster_size=16k',
                                f'zd_extension_size={self.extension_bytes}',
                                **self.options)

    def create_template(self) -> None:
        if self.target_backing:
            iotests.qemu_img_create('-f', FMT, '-b', self.target_backing, '-F',
                                    FMT, template_path)
        else:
            self.create_empty(template_path)

    def slot(self, image: ZonedImage) -> int:
        return image.field('zonedmeta_offset') + 4096 + \
            5 * self.extension_bytes

    def create_level(self, i: int) -> None:
        image = self.images[i]
        zones = list(self.contents[-1]) if i else [b''] * self.nr_zones
        commands = []
        if i:
            iotests.qemu_img_create('-f', FMT, '-b', self.images[i - 1].path,
                                    '-F', FMT, image.path)
        else:
            self.create_empty(image.path)
            image.set_word(5, self.words(zones)[5])
            image.write_at(self.slot(image), b'x' * self.extension_bytes)
        if i == 1:
            commands.append(f'zone_reset {4 * self.zone_bytes} '
                            f'{self.zone_bytes}')
            zones[4] = b''
        for zone, (byte, length) in self.pieces[i].items():
            offset = zone * self.zone_bytes + len(zones[zone])
            commands.append(f'write -P {byte} {offset} {length}')
            zones[zone] += bytes([byte]) * length
        result = image.run_io(*commands)
        self.assertNotRegex(result.stdout, 'failed|error|open')
        self.assertEqual(result.returncode, 0)
        self.contents.append(zones)
        shutil.copy(image.path, f'{image.path}.new')

    def create(self) -> None:
        """All of them as they were, and the target, with no data of its own"""
        for image in self.images:
            shutil.copy(f'{image.path}.new', image.path)
        shutil.copy(template_path, target_path)

    def data(self, zones: List[bytes]) -> bytes:
        return b''.join(zone.ljust(self.zone_bytes, b'\0') for zone in zones)

    def words(self, zones: List[bytes]) -> List[int]:
        return [encode_word(i * self.zone_bytes + len(zone),
                            attributes=ZDEV if i == 5 else 0)
                for i, zone in enumerate(zones)]

    # Nodes

    def add_image(self, path: str, node: str, **options: Any) -> None:
        """No power is lost here: fdatasync() would only take time"""
        self.execute('blockdev-add', **{
            'driver': FMT, 'node_name': node, 'backing': None,
            'zone_commit_interval': 0,
            'file': {'driver': 'file', 'filename': path,
                     'cache': {'no-flush': True}}, **options})

    def add_chain(self, **options: Any) -> None:
        """With options for the lowest"""
        below = None
        for image, node in zip(self.images, self.nodes):
            self.add_image(image.path, node, backing=below, **options)
            below = node
            options = {}

    def add_target(self, **options: Any) -> None:
        self.add_image(target_path, 'target',
                       backing='base' if self.target_backing else None,
                       **options)
