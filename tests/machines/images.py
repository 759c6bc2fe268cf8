# SPDX-License-Identifier: GPL-2.0-or-later
"""One image with everything in it, made in stages by tools of some machine.

A stage is command lines of qemu-img and qemu-io.  None of them depends on the
time or on chance (an internal snapshot has its time: it is made here, for all).
Stages that make the same files, to the byte, are the same.
"""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile

from cross import Failed

ZONE_KIB = 1024
EXTENSION = 64
OPTIONS = (f'size=24M,zone.mode=host-managed,zone.size={ZONE_KIB}k,'
           'zone.capacity=768k,zone.conventional_zones=2,'
           'zone.max_open_zones=5,zone.max_active_zones=9,'
           f'zone.max_append_bytes=128k,zd_extension_size={EXTENSION}')
OVERLAY = ('create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', 'image',
           'overlay')


def at(zone, kib=0):
    return f'{zone * ZONE_KIB + kib}k'


def io(image, *commands):
    words = [word for command in commands for word in ('-c', command)]
    return ('qemu-io', '-f', 'qcow2', *words, image)


def img(*words):
    return ('qemu-img', *words)


STAGES = {
    'create': [img('create', '-q', '-f', 'qcow2', '-o', OPTIONS, 'image')],
    'write': [io('image', f'write -P 1 {at(0, 16)} 8k',
                 f'write -P 2 {at(2)} 768k', f'write -P 3 {at(3)} 4k', 'flush',
                 f'write -P 4 {at(3, 4)} 300k', f'write -P 5 {at(4)} 512')],
    'append': [io('image', f'zone_append {at(5)} 4k 8k', 'flush',
                  f'zone_append {at(3)} 64k 4k')],
    'manage': [io('image', f'zone_open {at(6)} {at(1)}',
                  f'write -P 6 {at(6)} 12k', f'zone_close {at(6)} {at(1)}',
                  f'zone_finish {at(4)} {at(1)}', f'write -P 7 {at(7)} 64k',
                  f'zone_reset {at(7)} {at(1)}', f'zone_reset {at(2)} {at(1)}',
                  f'write -P 8 {at(2)} 128k', f'discard {at(0)} 64k')],
    'overlay': [img(*OVERLAY),
                io('overlay', f'write -P 9 {at(2, 128)} 20k',
                   f'zone_reset {at(3)} {at(1)}', f'write -P 10 {at(8)} 4k')],
    'commit': [img('commit', '-q', '-f', 'qcow2', 'overlay')],
    'amend': [img('amend', '-q', '-f', 'qcow2', '-o', 'zone.max_open_zones=6',
                  'image'),
              img('resize', '-q', '-f', 'qcow2', 'image', '+8M'),
              io('image', f'write -P 11 {at(31)} 768k')],
    'snapshot': [img('snapshot', '-q', '-a', 'before', 'image'),
                 io('image', f'write -P 12 {at(11)} 36k'),
                 img('snapshot', '-q', '-d', 'before', 'image')],
    'convert': [img('convert', '-q', '-f', 'qcow2', '-O', 'qcow2', 'image',
                    'converted'),
                img('convert', '-q', '-f', 'qcow2', '-O', 'raw', 'image',
                    'raw')],
    # last: what is offline is not converted
    'apply': [img('zones', '--apply', 'report', 'image'),
              img('check', '-q', '-f', 'qcow2', 'image')],
}


class Maker:
    """The tools of a build; emulator: what runs them, when we cannot"""

    def __init__(self, tools, emulator=()):
        self.tools, self.emulator = tools, emulator

    def run(self, directory, tool, *args):
        result = subprocess.run(
            [*self.emulator, os.path.join(self.tools, tool), *args],
            cwd=directory, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if result.returncode or 'failed' in result.stdout:
            raise Failed(f'{tool} {" ".join(args)}: exit status '
                         f'{result.returncode}\n{result.stdout}')
        return result.stdout

    def do(self, directory, stage):
        for tool, *args in STAGES[stage]:
            self.run(directory, tool, *args)

    def zones(self, directory):
        """The list of zones; names of nodes are made up."""
        found = json.loads(self.run(directory, 'qemu-img', 'zones', '--output',
                                    'json', 'image'))
        del found['node-name']
        return found


def digests(directory):
    sums = {}
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), 'rb') as f:
            sums[name] = hashlib.sha256(f.read()).hexdigest()
    return sums


def expect_equal(stage, ours, theirs):
    found, wanted = digests(theirs), digests(ours)
    wrong = [name for name in sorted({*found, *wanted})
             if found.get(name) != wanted.get(name)]
    if wrong:
        raise Failed(f'after the stage {stage}, files differ: '
                     f'{" ".join(wrong)}')


def write_report(here, ours, theirs):
    """What only a device or its monitor gives zones"""
    report = here.zones(ours)
    report['zones'][9].update({'state': 'read-only'})
    report['zones'][10].update({'state': 'offline'})
    report['zones'][3].update({'reset-recommended': True})
    report['zones'][6].update({'finish-recommended': True})
    for directory in (ours, theirs):
        with open(os.path.join(directory, 'report'), 'w',
                  encoding='ascii') as f:
            json.dump(report, f)


def take_snapshot(here, ours, theirs):
    """It carries the time: made once, for both."""
    here.run(ours, 'qemu-img', 'snapshot', '-q', '-c', 'before', 'image')
    shutil.copy(os.path.join(ours, 'image'), os.path.join(theirs, 'image'))


PREPARE = {'apply': write_report, 'snapshot': take_snapshot}


def compare_stages(here, makers):
    """makers: who does each stage of the second image"""
    with tempfile.TemporaryDirectory() as ours, \
            tempfile.TemporaryDirectory() as theirs:
        for stage, maker in zip(STAGES, makers):
            PREPARE.get(stage, lambda *_: None)(here, ours, theirs)
            here.do(ours, stage)
            maker.do(theirs, stage)
            expect_equal(stage, ours, theirs)
            if here.zones(ours) != maker.zones(theirs):
                raise Failed(f'after the stage {stage}, lists of zones differ')


def expect_same(here, there):
    compare_stages(here, [there] * len(STAGES))


def expect_turns(here, there):
    """The other one begins: what here makes of it is read back by there."""
    compare_stages(here, [(there, here)[number % 2]
                          for number in range(len(STAGES))])
