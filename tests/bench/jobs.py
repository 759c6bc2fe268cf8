# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures of jobs: a mirror, until it is ready."""
import json
import subprocess
import time

from measures import BASE_QCOW2, DRIVE, MIB, OURS, PLAIN, BenchError, \
    Measure, Row, lab_qemu, ratio_goal

SECTION = '10. Mirror until it is ready'
DATA = 1024 * MIB


class Monitor:
    """A QEMU without a machine, and its monitor"""

    def __init__(self, qemu, nodes):
        argv = [qemu, '-machine', 'none', '-nodefaults', '-display', 'none',
                '-qmp', 'stdio']
        for node in nodes:
            argv += ['-blockdev', json.dumps(node)]
        # lives as long as this object; pylint: disable=consider-using-with
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.read()
        self.command('qmp_capabilities')

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchError('the monitor has ended')
        return json.loads(line)

    def command(self, name, **arguments):
        self.process.stdin.write(json.dumps(
            {'execute': name, 'arguments': arguments}) + '\n')
        self.process.stdin.flush()
        while True:
            reply = self.read()
            if 'error' in reply:
                raise BenchError(f'{name}: {reply["error"]["desc"]}')
            if 'return' in reply:
                return

    def wait_ready(self):
        while True:
            event = self.read()
            if event.get('event') == 'BLOCK_JOB_READY':
                return
            if event.get('event') == 'BLOCK_JOB_COMPLETED':
                raise BenchError('the job has failed')

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def node(lab, name):
    return {'driver': 'qcow2', 'node-name': name.replace(' ', '-'),
            'cache': {'direct': True},
            'file': {'driver': 'file', 'filename': lab.path(name),
                     'aio': 'native', 'cache': {'direct': True}}}


def mirror_run(lab, qemu, name, kind):
    """From an image with data to one that is fresh; MiB/s"""
    source, target = f'source of {name}', f'target of {name}'

    def run():
        total = DATA // lab.scale
        for image in (source, target):
            lab.create(image, kind, DRIVE)
        lab.zone_bench('write', source, kind, bytes=MIB, depth=8, total=total)
        monitor = Monitor(qemu, [node(lab, source), node(lab, target)])
        try:
            start = time.monotonic()
            monitor.command('blockdev-mirror', **{
                'job-id': 'job0', 'device': source.replace(' ', '-'),
                'target': target.replace(' ', '-'), 'sync': 'full'})
            monitor.wait_ready()
            return {'rate': total / MIB / (time.monotonic() - start)}
        finally:
            monitor.end()
            lab.remove(source)
            lab.remove(target)
    return run


def job_measures(lab):
    found = {OURS: mirror_run(lab, lab_qemu(), OURS, 'zoned'),
             PLAIN: mirror_run(lab, lab_qemu(), PLAIN, 'plain')}
    goals = []
    if lab.base:
        found[BASE_QCOW2] = mirror_run(lab, lab.base, BASE_QCOW2, 'plain')
        goals = [ratio_goal(PLAIN, BASE_QCOW2, 0.97)]
    yield Measure(SECTION, [Row('all of the drive (MiB/s)', 'rate', goals)],
                  found, quick=True)
