# Zoned qcow2 images in use by a storage daemon: what the zone-* tests share
#
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A ZoneDaemonCase has an image with zones, node "base" of a storage daemon that
# exports it by NBD, from an iothread if asked to; clients write to it meanwhile,
# and the daemon can be killed.

import contextlib
import json
import os
import signal
from typing import Any, Dict, Iterator, List, Optional

import iotests
from zoneimage import ZonedImage, run_tool

FMT = iotests.imgfmt
base_path = os.path.join(iotests.test_dir, 'base.img')
over_paths = [os.path.join(iotests.test_dir, f'over{i}.img') for i in range(8)]
nbd_path = os.path.join(iotests.sock_dir, 'nbd.sock')


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What is started here says nothing of the images that it creates"""
    stdout = os.dup(1)
    with open(os.devnull, 'wb') as devnull:
        os.dup2(devnull.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


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
        for path in [base_path, *over_paths]:
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
        return [f"{zone['state']} {zone.get('wp', 0) - zone['start']}"
                if 'wp' in zone else zone['state'] for zone in zones]

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
