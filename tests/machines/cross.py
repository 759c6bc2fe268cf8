# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds for other machines, and runs there what they have made.

Compilers are Debian's cross compilers; what they compile against are the
machine's own packages of the release that this machine runs, unpacked and not
installed (tests/guest/fetcher.py); programs are run by qemu-user.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('ZNS_BUILD') or os.path.join(REPO, 'build')
sys.path.insert(0, os.path.join(REPO, 'tests', 'guest'))

import fetcher  # noqa: E402  pylint: disable=wrong-import-position

PACKAGES = ('libc6-dev', 'libglib2.0-dev', 'linux-libc-dev', 'zlib1g-dev')
TOOLS = ('qemu-img', 'qemu-io')


class Failed(Exception):
    """What did not work, as a person should read it."""


class Machine:
    """cpu: QEMU's name; debian: Debian's; prefix: of the compiler's names"""

    def __init__(self, cpu, debian, prefix, family, endian):
        self.cpu, self.debian, self.prefix = cpu, debian, prefix
        self.family, self.endian = family, endian
        self.dir = os.path.join(BUILD, 'machines', cpu)
        self.tree = None

    @property
    def libraries(self):
        return f'{self.family}-linux-gnu' if self.family != 'x86' else \
            'i386-linux-gnu'

    @property
    def emulator(self):
        return [f'qemu-{self.cpu}', '-L', self.tree]

    def missing(self):
        """Programs that are needed, and are not here."""
        return [name for name in (f'qemu-{self.cpu}', self.prefix + 'gcc')
                if not shutil.which(name)]


MACHINES = {machine.cpu: machine for machine in (
    Machine('s390x', 's390x', 's390x-linux-gnu-', 's390x', 'big'),
    Machine('i386', 'i386', 'i686-linux-gnu-', 'x86', 'little'))}


class LibraryFetcher(fetcher.Fetcher):
    """What programs of the machine are compiled and linked with.

    Of this machine's release, which has the compiler as well.
    """

    wanted = PACKAGES

    def __init__(self, talk, machine):
        super().__init__(talk, fetcher.machine_release(),
                         f'machine-{machine.debian}', machine.debian)

    def names(self):
        return self.closure(PACKAGES)

    def fetch(self):
        tree = super().fetch()
        for directory, _, files in os.walk(tree):
            for name in files:
                keep_within(tree, os.path.join(directory, name))
        return tree


def keep_within(tree, path):
    """A link to /lib/X is one to tree/lib/X: only the linker knows sysroots"""
    if os.path.islink(path) and os.readlink(path).startswith('/'):
        target = tree + os.readlink(path)
        os.unlink(path)
        os.symlink(os.path.relpath(target, os.path.dirname(path)), path)


def run_logged(name, argv, **kwargs):
    """Output goes to a log; a failure raises with the end of it."""
    path = os.path.join(BUILD, 'logs', f'machines-{name}.log')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as log:
        status = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log,
                                stderr=log, check=False, **kwargs).returncode
    with open(path, encoding='utf-8', errors='replace') as log:
        text = log.read()
    if status:
        raise Failed(f'{argv[0]} ended with status {status}, see '
                     f'{os.path.relpath(path, REPO)}:\n{text[-1500:]}')
    return text


def write_program(path, text):
    with open(path, 'w', encoding='ascii') as f:
        f.write('#!/bin/sh\n' + text + '\n')
    os.chmod(path, 0o755)


def prepare(machine, talk):
    """Libraries, a compiler and a pkg-config that find them, a cross file"""
    machine.tree = LibraryFetcher(talk, machine).fetch()
    os.makedirs(machine.dir, exist_ok=True)
    launcher = 'ccache ' if shutil.which('ccache') else ''
    compiler = os.path.join(machine.dir, 'cc')
    write_program(compiler, f'exec {launcher}{machine.prefix}gcc '
                  f'--sysroot={machine.tree} "$@"')
    config = os.path.join(machine.dir, 'pkg-config')
    paths = ':'.join(f'{machine.tree}/usr/{name}/pkgconfig' for name in
                     (f'lib/{machine.libraries}', 'share'))
    write_program(config, f'export PKG_CONFIG_SYSROOT_DIR={machine.tree} '
                  f'PKG_CONFIG_LIBDIR={paths}\nexec pkg-config "$@"')
    with open(os.path.join(machine.dir, 'cross.ini'), 'w',
              encoding='ascii') as f:
        f.write(f"[binaries]\nc = '{compiler}'\npkg-config = '{config}'\n"
                f"ar = '{machine.prefix}ar'\nstrip = '{machine.prefix}strip'\n"
                f"exe_wrapper = {machine.emulator}\n\n[properties]\n"
                # those of i386 would run here, with this machine's libraries
                "needs_exe_wrapper = true\n\n[host_machine]\n"
                f"system = 'linux'\ncpu_family = '{machine.family}'\n"
                f"cpu = '{machine.cpu}'\nendian = '{machine.endian}'\n")


def build_tools(machine, targets):
    """The block layer, its tools and tests; no system emulator."""
    out = os.path.join(machine.dir, 'out')
    os.makedirs(out, exist_ok=True)
    if not os.path.exists(os.path.join(out, 'build.ninja')):
        configure = os.path.join(BUILD, 'qemu', 'configure')
        run_logged(f'{machine.cpu}-configure', [
            os.path.relpath(configure, out),
            f'--cross-prefix={machine.prefix}', f'--cc={machine.dir}/cc',
            '--python=/usr/bin/python3', '--without-default-features',
            '--enable-tools', '--disable-system', '--disable-user',
            '--disable-docs', '--disable-download',
            '--disable-install-blobs'], cwd=out,
                   env={**os.environ, 'PKG_CONFIG': f'{machine.dir}/pkg-config',
                        'CCACHE_NOHASHDIR': '1', 'CCACHE_BASEDIR': REPO})
    run_logged(f'{machine.cpu}-build', ['/usr/bin/ninja', *targets], cwd=out)
    return out
