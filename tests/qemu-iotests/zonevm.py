# Zoned qcow2 images in use by a guest's device: what the zone-* tests share
#
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A ZoneVMCase has a machine with a virtio-blk device, in an iothread, whose
# drive is node "base".  What a guest would do is done through the device's
# backend, by qemu-io in the monitor; what that complains of is in the log of
# the machine, and looked for at the end.

import json
import os
from typing import Any, Dict, List

import iotests
from zoneimage import ZonedImage, describe_zones, run_tool

FMT = iotests.imgfmt
BACKEND = '/machine/peripheral/disk0/virtio-backend'
FAILED = 'failed|error|Illegal|verification'


class ZoneVMCase(iotests.QMPTestCase):
    """8 zones of 1 MiB; with over, the drive is an overlay of such an image"""
    options: Dict[str, str] = {'size': '1M', 'capacity': '768k',
                               'max_open_zones': '6', 'max_active_zones': '7'}
    more = ('zd_extension_size=64',)
    names: List[str] = ['base', 'over', 'target', 'top', 'full', 'restored']
    # What has to be there, once the machine has gone
    complaints = 0

    def setUp(self) -> None:
        self.paths = {name: os.path.join(iotests.test_dir, f'{name}.img')
                      for name in self.names}
        self.images = {name: ZonedImage(path)
                       for name, path in self.paths.items()}
        self.images['base'].create('8M', *self.more, **self.options)
        self.vm = iotests.VM()

    def tearDown(self) -> None:
        self.vm.shutdown()
        log = self.vm.get_log() or ''
        found = [line for line in log.splitlines()
                 if any(word in line for word in FAILED.split('|'))]
        self.assertEqual(len(found), self.complaints, found)
        for image in self.images.values():
            image.remove()

    def create_over(self, name: str, backing: str) -> None:
        iotests.qemu_img_create('-f', FMT, '-b', self.paths[backing], '-F',
                                FMT, self.paths[name])

    def node(self, name: str, **options: Any) -> Dict[str, Any]:
        return {'driver': FMT, 'node-name': name,
                'file': {'driver': 'file', 'filename': self.paths[name]},
                **{key.replace('_', '-'): value for
                   key, value in options.items()}}

    def start(self, node: Dict[str, Any], *more: Dict[str, Any]) -> None:
        """The last of the nodes is the drive"""
        self.drive = [node, *more][-1]['node-name']
        self.vm.add_object('iothread,id=iothread0')
        for each in (node, *more):
            self.vm.add_blockdev(json.dumps(each))
        self.vm.add_device(f'virtio-blk,drive={self.drive},id=disk0,'
                           'iothread=iothread0')
        self.vm.launch()

    # What the guest does

    def io(self, *commands: str) -> None:
        for command in commands:
            reply = self.vm.hmp_qemu_io(BACKEND, command, qdev=True)
            self.assertEqual(reply, {'return': ''})

    # The monitor

    def execute(self, command: str, **arguments: Any) -> Any:
        return self.vm.cmd(command, {key.replace('_', '-'): value for
                                     key, value in arguments.items()})

    def refused(self, message: str, command: str, **arguments: Any) -> None:
        reply = self.vm.qmp(command, {key.replace('_', '-'): value for
                                      key, value in arguments.items()})
        self.assertRegex(reply.get('error', {}).get('desc', f'{reply}'),
                         f'^{message}$')

    def add(self, name: str, **options: Any) -> None:
        self.vm.cmd('blockdev-add', self.node(name, **options))

    def zones(self, node: str) -> List[str]:
        zones = self.execute('query-block-zones', node_name=node)['zones']
        return describe_zones(zones)

    def wait_ready(self) -> None:
        event = self.vm.event_wait('BLOCK_JOB_READY', timeout=60.0)
        assert event is not None

    def wait_job(self, error: str = '') -> None:
        """The job ends, well or with this error"""
        event = self.vm.event_wait('BLOCK_JOB_COMPLETED', timeout=60.0)
        assert event is not None
        self.assertRegex(event['data'].get('error', ''), f'^{error}$')

    # Afterwards

    def stop(self) -> None:
        self.vm.shutdown()

    def words(self, name: str) -> List[int]:
        image = self.images[name]
        return [image.word(i) for i in range(image.field('nr_zones'))]

    def image_reads(self, name: str, *commands: str) -> None:
        result = self.images[name].run_io(*commands, flags=('-r',))
        self.assertNotRegex(result.stdout, FAILED + '|open')
        self.assertEqual(result.returncode, 0)

    def check(self, *names: str) -> None:
        for name in names:
            result = run_tool(*iotests.qemu_img_args, 'check', '-q', '-f', FMT,
                              self.paths[name])
            self.assertEqual((result.returncode, result.stdout), (0, ''), name)

    def compare(self, name: str, other: str) -> None:
        """Data, words and extensions"""
        result = run_tool(*iotests.qemu_img_args, 'compare', '-f', FMT, '-F',
                          FMT, self.paths[name], self.paths[other])
        self.assertEqual(result.stdout, 'Images are identical.\n')

    def unfinished(self, name: str) -> None:
        """The image says that it is not finished"""
        result = self.images[name].run_io('read 0 4k', flags=('-r',))
        self.assertIn('Zoned image is not finished', result.stdout)
