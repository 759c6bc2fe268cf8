# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest test `kernels`: drives of all kinds under kernels old and new.

Debian's cloud kernel of each release that fetcher.py knows is booted twice, the
second time in another QEMU process, with a zoned image as a namespace without
any options, zoned=on, a zoned image with Zone Random Write Areas, a namespace
without zones, and a zoned image as a disk of virtio-blk.  What the kernel must
make of them is said in kernels.sh.  A kernel that cannot be had is skipped, and
that is counted.
"""
import os

import client
import fetcher
import guest
from guest import IMAGES, QEMU_IO, QEMU_IMG, run_tool

NAME = 'kernels'
LIMITS = ('zone.size=16M,zone.capacity=12M,zone.max_open_zones=4,'
          'zone.max_active_zones=8')
MEMORY = ('zoned=on,zoned.zone_size=16M,zoned.zone_capacity=12M,'
          'zoned.max_open=4,zoned.max_active=6')
AREAS = 'zoned.zrwas=16k,zoned.zrwafg=4k,zoned.numzrwa=2'
# What is stored before the first boot: number of the state in a report, KiB of
# letters below the write pointer
STORED = [(1, 0), (4, 64), (14, 64), (4, 4), (13, 64)]
OFFLINE = (15, 0)
EMPTY = (1, 0)


def report_line(start_kib, zone_kib, capacity_kib, kib, state):
    """As blkzone prints it; 0 stands for a conventional zone."""
    return (f'start: {start_kib * 2}, len {zone_kib * 2}, '
            f'cap {capacity_kib * 2}, wptr {kib * 2} reset:0, '
            f'zcond:{state} [type: {2 if state else 1}]\n')


def store(image, zone_mib, capacity_mib, states):
    """Writes the letters, and makes the zones what states says."""
    report, writes = '', []
    for idx, (state, kib) in enumerate(states):
        start_kib = idx * zone_mib * 1024
        report += report_line(start_kib, zone_mib * 1024,
                              (capacity_mib if state else zone_mib) * 1024,
                              kib, state)
        if kib:
            writes += ['-c', f'write -P {ord("Z")} {start_kib}k {kib}k']
    run_tool([QEMU_IO, '-f', 'qcow2', *writes, image])
    path = image + '.report'
    with open(path, 'w', encoding='ascii') as f:
        f.write(report)
    run_tool([QEMU_IMG, 'zones', '--apply', path, image])
    os.unlink(path)


class KernelRun(client.Run):
    """Both phases of kernels.sh under the kernel of one release."""

    def __init__(self, talk, release):
        super().__init__(client.Job(NAME, ''), 'persistent', talk, release)
        self.nsid = 1
        self.images = {name: os.path.join(IMAGES, f'{self.title}-{name}.qcow2')
                       for name in ('memory', 'areas', 'plain', 'virtio')}
        self.made = list(self.images.values())

    def make(self, image, options):
        run_tool([QEMU_IMG, 'create', '-f', 'qcow2', image, '-o', options])

    def create(self):
        os.makedirs(IMAGES, exist_ok=True)
        self.make(self.image, 'size=2G,zone.mode=host-managed')
        store(self.image, 256, 256, [*STORED, *[EMPTY] * 3])
        self.make(self.images['memory'], 'size=256M')
        self.make(self.images['plain'], 'size=64M')
        zoned = f'size=256M,zone.mode=host-managed,{LIMITS}'
        self.make(self.images['areas'], zoned)
        store(self.images['areas'], 16, 12,
              [*STORED, OFFLINE, *[EMPTY] * 10])
        self.make(self.images['virtio'], zoned + ',zone.conventional_zones=2')
        store(self.images['virtio'], 16, 12,
              [(0, 0), (0, 0), *STORED, OFFLINE, *[EMPTY] * 8])

    def namespace(self, nsid, name, properties=''):
        return ['-drive', f'file={self.images[name]},id={name},format=qcow2,'
                'if=none,discard=unmap', '-device',
                f'nvme-ns,drive={name},bus=nvme0,nsid={nsid}' + properties]

    def options(self):
        return [*super().options(),
                *self.namespace(2, 'memory', f',{MEMORY}'),
                *self.namespace(3, 'areas', f',{AREAS}'),
                *self.namespace(4, 'plain'),
                '-drive', f'file={self.images["virtio"]},id=virtio,'
                'format=qcow2,if=none',
                '-device', 'virtio-blk-pci,drive=virtio,serial=zones']

    def check_image(self):
        super().check_image()
        for name in ('areas', 'virtio'):
            run_tool([QEMU_IMG, 'check', '-q', self.images[name]])


def kernel_test(release):
    def test(talk):
        try:
            fetcher.KernelFetcher(talk, release, 'cloud').fetch()
        except fetcher.Unavailable as error:
            raise guest.GuestSkip(
                f'no kernel of {fetcher.RELEASES[release]}: {error}') from error
        KernelRun(talk, release).run()
    return test


TESTS = {f'{NAME}:{release}': kernel_test(release)
         for release in fetcher.RELEASES}
