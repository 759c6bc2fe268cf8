#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel and initramfs of a guest on another machine than the host's kind.

usage: tests/guest/foreign.py MACHINE OUTPUT

What build-initramfs and fetch-kernel are for the host's kind: OUTPUT becomes an
archive with busybox, blkzone, nvme, their libraries and the guest's own
scripts, and the path of the kernel is printed.  The programs are Debian's for
that machine, unpacked and not installed (fetcher.py).  As none of them can be
run here, the libraries that they need are those that their files name.
"""
import os
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True

import fetcher  # noqa: E402
from guest import HERE, GuestError, Talk, pack, run_tool  # noqa: E402

# QEMU's name: Debian's, and that of its directories of libraries
MACHINES = {'aarch64': ('arm64', 'aarch64-linux-gnu')}
PACKAGES = ('busybox-static', 'nvme-cli', 'util-linux')
PROGRAMS = ('busybox', 'blkzone', 'nvme')
NEEDED = re.compile(r'\(NEEDED\).*\[(\S+)\]')
LOADER = re.compile(r'Requesting program interpreter: (\S+)\]')


class MachineFetcher(fetcher.Fetcher):
    """Programs and kernel for another machine, of the base's release."""

    def __init__(self, talk, machine):
        self.kernel = f'linux-image-cloud-{machine}'
        self.wanted = (*PACKAGES, self.kernel)
        super().__init__(talk, name=machine, machine=machine)

    def names(self):
        return [*self.closure(PACKAGES), *self.kernel_packages(self.kernel)]


class Root:
    """What the archive is packed from."""

    def __init__(self, path, tree, triplet):
        self.path, self.tree = path, tree
        self.libraries = os.path.join('usr', 'lib', triplet)
        for directory in ('bin', 'dev', 'proc', 'sys', 'tmp', self.libraries):
            os.makedirs(os.path.join(path, directory))
        # where programs look for their loader
        os.symlink('usr/lib', os.path.join(path, 'lib'))

    def add_program(self, name):
        for directory in ('usr/sbin', 'usr/bin'):
            program = os.path.join(self.tree, directory, name)
            if os.path.exists(program):
                shutil.copy(program, os.path.join(self.path, 'bin', name))
                self.add_loader(program)
                self.add_libraries(program)
                return
        raise GuestError(f'no program {name} in {self.tree}; remove that '
                         'directory and try again')

    def add_loader(self, program):
        for loader in LOADER.findall(run_tool(['readelf', '-l', program])):
            name = os.path.basename(loader)
            shutil.copy(os.path.join(self.tree, self.libraries, name),
                        os.path.join(self.path, 'usr', 'lib', name))

    def add_libraries(self, program):
        for name in NEEDED.findall(run_tool(['readelf', '-d', program])):
            source = os.path.join(self.tree, self.libraries, name)
            target = os.path.join(self.path, self.libraries, name)
            if not os.path.exists(target):
                shutil.copy(source, target)
                self.add_libraries(source)

    def add_scripts(self):
        with open(os.path.join(HERE, 'applets'), encoding='ascii') as f:
            for line in f:
                for applet in [] if line.startswith('#') else line.split():
                    os.symlink('busybox',
                               os.path.join(self.path, 'bin', applet))
        init = os.path.join(self.path, 'init')
        shutil.copy(os.path.join(HERE, 'init'), init)
        os.chmod(init, 0o755)


def main(machine, output):
    debian, triplet = MACHINES[machine]
    tree = MachineFetcher(Talk(sys.stderr), debian).fetch()
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with tempfile.TemporaryDirectory() as path:
        root = Root(path, tree, triplet)
        for name in PROGRAMS:
            root.add_program(name)
        root.add_scripts()
        with open(output, 'wb') as out:
            pack(path, out)
    print(fetcher.only(tree, ['boot/vmlinuz-*'], 'cloud'))


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in MACHINES:
        print(__doc__ + f'\nmachines: {" ".join(MACHINES)}', file=sys.stderr)
        sys.exit(2)
    try:
        main(*sys.argv[1:])
    except GuestError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(1)
