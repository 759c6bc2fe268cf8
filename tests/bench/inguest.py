# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest under TCG gets: fio.sh, by way of the jobs of tests/guest.

Peers are the base, and what a user might take instead of a zoned drive: the
zoned drives of the guest's own kernel.
"""
import os
import sys

import measures
from measures import AGAIN, BASE_QCOW2, BASE_RAW, GIB, PLAIN, RAW, \
    BenchError, Measure, Row

sys.path.insert(1, os.path.join(measures.ROOT, 'tests', 'guest'))

import client  # noqa: E402  pylint: disable=wrong-import-position
import guest  # noqa: E402  pylint: disable=wrong-import-position
import toolbox  # noqa: E402  pylint: disable=wrong-import-position

SECTION = '11. In a guest under TCG (IOPS)'
NULL_BLK = 'null_blk'
# It keeps what fio writes, 4.25 GiB at most, in the guest's memory.
NULL_BLK_MEMORY = 6 * GIB

ROWS = {
    'write_four_single': '4K write, depth 1',
    'write_four_deep': '4K write, depth 32',
    'write_big_deep': '128K write, depth 8',
    'write_four_synced': '4K write, fsync behind each',
    'zonefs_append': '4K append to a file of zonefs',
    'read_four_deep': '4K random read, depth 32',
}


SCSI_SECTION = '13. A SCSI disk in a guest under TCG (IOPS)'
SCSI_ROWS = {
    'scsi_write_four': '4K sequential write, depth 1',
    'scsi_write_big': '1M sequential write, depth 1',
    'scsi_read_four': '4K random read, depth 32',
}


class BenchJob(client.Job):
    def __init__(self, name):
        super().__init__(os.path.join('..', '..', 'bench', name))
        self.name = f'bench-{name}'


def silent():
    return guest.Talk(open(os.devnull, 'w', encoding='ascii'))


def firmware():
    return [word for path in measures.FIRMWARE for word in ('-L', path)]


def driver_of(kind):
    return 'raw' if kind == 'raw' else 'qcow2'


class FioRun(client.Run):
    """One boot of one contestant; the image is there."""

    job_name = 'fio'

    def __init__(self, lab, name, kind, qemu, more):
        super().__init__(BenchJob(self.job_name),
                         {'zoned': 'persistent', NULL_BLK: NULL_BLK}
                         .get(kind, 'volatile'), silent())
        self.title = 'bench-' + name.replace(' ', '-')
        self.image, self.kind = lab.path(name), kind
        self.qemu, self.more = qemu, more

    def options(self):
        if self.kind == NULL_BLK:
            return [*firmware(), '-m', f'{NULL_BLK_MEMORY >> 20}']
        drive = self.job.geometry
        zoned = '' if self.kind == 'zoned' else self.job.in_memory()
        return [*firmware(), '-device', 'nvme,id=nvme0,serial=zns0', '-drive',
                f'file={self.image},id=zns,format={driver_of(self.kind)},'
                f"if=none,cache=none,aio=native{',' if self.more else ''}{self.more}",
                '-device', 'nvme-ns,drive=zns,bus=nvme0,nsid=1'
                f'{drive.properties()}{zoned}']

    def values(self):
        boot = client.ClientBoot(self, 1, 'first', {})
        boot.qemu = self.qemu
        try:
            lines = boot.run().blocks.get('results', [])
        except guest.GuestError as error:
            raise BenchError(f'guest: {error}') from error
        return measures.values_of('\n'.join(lines) + '\n')


class ScsiRun(FioRun):
    """The drive in memory is there for the job's sake."""

    job_name = 'scsi'

    def options(self):
        return [*firmware(), '-device', 'nvme,id=nvme0,serial=zns0', '-drive',
                'driver=null-co,id=zns,if=none,read-zeroes=on,'
                f'size={self.job.geometry.total_mib}M',
                '-device', 'nvme-ns,drive=zns,bus=nvme0,nsid=1'
                + self.job.in_memory(), '-device', 'virtio-scsi-pci,id=hba',
                '-drive', f'file={self.image},id=smr,if=none,'
                f'format={driver_of(self.kind)},cache=none,aio=native'
                f"{',' if self.more else ''}{self.more}",
                '-device', 'scsi-hd,drive=smr,bus=hba.0,serial=smr'
                + self.job.scsi.properties()]


def run_of(lab, name, kind, qemu, more, run_class=FioRun):
    def run():
        job = BenchJob(run_class.job_name)
        drive = job.scsi or job.geometry
        if kind != NULL_BLK:
            lab.create(name, kind, drive.total_mib << 20,
                       drive.mib('zone_size') << 20)
        try:
            return run_class(lab, name, kind, qemu, more).values()
        finally:
            lab.remove(name)
    return run


def free_memory():
    with open('/proc/meminfo', encoding='ascii') as f:
        kib = next(line.split()[1] for line in f
                   if line.startswith('MemAvailable:'))
    return int(kib) << 10


def kernel_peers(found, notes):
    """Leaves out, and says, what this kernel or this machine has not."""
    try:
        box = toolbox.Toolbox('cloud', silent())
        name = os.path.basename(box.modules)
        for module in (NULL_BLK, 'zloop'):
            try:
                box.module_file(module)
            except guest.GuestError:
                notes.append(f"{module}: the guest's kernel, Linux {name}, "
                             'has no such module.')
                found.pop(module, None)
                continue
            if module not in found:
                notes.append(f'{module}: in Linux {name}, but not measured '
                             'yet.')
    except guest.GuestError as error:
        raise BenchError(f'guest: {error}') from error
    if NULL_BLK in found and free_memory() < NULL_BLK_MEMORY * 5 // 4:
        notes.append(f'{NULL_BLK}: this machine has too little free memory.')
        del found[NULL_BLK]


def guest_measures(lab):
    found = {name: run_of(lab, name, 'zoned', measures.lab_qemu(), more)
             for name, more in lab.ours.items()}
    if lab.base:
        found[BASE_RAW] = run_of(lab, BASE_RAW, 'raw', lab.base, '')
        found[BASE_QCOW2] = run_of(lab, BASE_QCOW2, 'plain', lab.base, '')
        found[BASE_RAW + AGAIN] = found[BASE_RAW]
    found[NULL_BLK] = run_of(lab, NULL_BLK, NULL_BLK, measures.lab_qemu(), '')
    goals = [measures.ratio_goal(name, BASE_RAW, 1) for name in lab.ours]
    measure = Measure(SECTION, [Row(text, value, goals)
                                for value, text in ROWS.items()], found)
    measure.prepare = lambda: kernel_peers(found, measure.notes)
    yield measure


def scsi_measures(lab):
    """Peers are disks without zones: of the base, if there is a build of it"""
    qemu = lab.base or measures.lab_qemu()
    found = {name: run_of(lab, name, 'zoned', measures.lab_qemu(), more,
                          ScsiRun)
             for name, more in lab.ours.items()}
    found[RAW] = run_of(lab, RAW, 'raw', qemu, '', ScsiRun)
    found[PLAIN] = run_of(lab, PLAIN, 'plain', qemu, '', ScsiRun)
    found[RAW + AGAIN] = found[RAW]
    goals = [measures.ratio_goal(name, RAW, 0.97) for name in lab.ours]
    yield Measure(SCSI_SECTION, [Row(text, value, goals)
                                 for value, text in SCSI_ROWS.items()], found)
