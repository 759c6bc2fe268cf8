# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest under TCG gets: fio.sh, by way of the jobs of tests/guest."""
import os
import sys

import measures
from measures import BASE_QCOW2, BASE_RAW, BenchError, Measure, Row

sys.path.insert(1, os.path.join(measures.ROOT, 'tests', 'guest'))

import client  # noqa: E402  pylint: disable=wrong-import-position
import guest  # noqa: E402  pylint: disable=wrong-import-position

ROWS = {
    'write_four_single': '4K write, depth 1',
    'write_four_deep': '4K write, depth 32',
    'write_big_deep': '128K write, depth 8',
    'write_four_synced': '4K write, fsync behind each',
    'zonefs_append': '4K append to a file of zonefs',
    'read_four_deep': '4K random read, depth 32',
}


class FioJob(client.Job):
    def __init__(self):
        super().__init__(os.path.join('..', '..', 'bench', 'fio'))
        self.name = 'bench-fio'


class FioRun(client.Run):
    """One boot of one contestant; the image is there."""

    def __init__(self, lab, name, kind, qemu, more):
        super().__init__(FioJob(), 'persistent' if kind == 'zoned'
                         else 'volatile',
                         guest.Talk(open(os.devnull, 'w', encoding='ascii')))
        self.title = 'bench-' + name.replace(' ', '-')
        self.image, self.kind = lab.path(name), kind
        self.qemu, self.more = qemu, more

    def options(self):
        driver = 'raw' if self.kind == 'raw' else 'qcow2'
        zoned = '' if self.kind == 'zoned' else self.job.properties()
        firmware = [word for path in measures.FIRMWARE
                    for word in ('-L', path)]
        return [*firmware, '-device', 'nvme,id=nvme0,serial=zns0', '-drive',
                f'file={self.image},id=zns,format={driver},if=none,'
                f"cache=none,aio=native{',' if self.more else ''}{self.more}",
                '-device', 'nvme-ns,drive=zns,bus=nvme0,nsid=1,'
                f'logical_block_size=4096,physical_block_size=4096{zoned}']

    def values(self):
        boot = client.ClientBoot(self, 1, 'first', {})
        boot.qemu = self.qemu
        try:
            lines = boot.run().blocks.get('results', [])
        except guest.GuestError as error:
            raise BenchError(f'guest: {error}') from error
        return measures.values_of('\n'.join(lines) + '\n')


def run_of(lab, name, kind, qemu, more):
    def run():
        job = FioJob()
        lab.create(name, kind, job.total_mib << 20, job.mib('zone_size') << 20)
        try:
            return FioRun(lab, name, kind, qemu, more).values()
        finally:
            lab.remove(name)
    return run


def guest_measures(lab):
    found = {name: run_of(lab, name, 'zoned', measures.lab_qemu(), more)
             for name, more in lab.ours.items()}
    if lab.base:
        found[BASE_RAW] = run_of(lab, BASE_RAW, 'raw', lab.base, '')
        found[BASE_QCOW2] = run_of(lab, BASE_QCOW2, 'plain', lab.base, '')
    goals = [measures.ratio_goal(name, BASE_QCOW2, 1) for name in lab.ours]
    yield Measure('9. In a guest under TCG (IOPS)',
                  [Row(text, value, goals) for value, text in ROWS.items()],
                  found)
