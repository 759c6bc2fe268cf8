# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs and a kernel for the guests of the client jobs.

All of it is Debian's, unpacked and not installed (fetcher.py): the programs
of the release that carries the base, whatever this machine runs, and a kernel
of the same release or of the one that KERNEL names.
"""
import glob
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import tempfile

import fetcher
from guest import HERE, IMAGES, GuestError, pack

LIBRARIES = os.path.join('usr', 'lib', 'x86_64-linux-gnu')
LOADER = os.path.join('usr', 'lib64', 'ld-linux-x86-64.so.2')
GUEST_LIBRARIES = os.path.join('lib', 'x86_64-linux-gnu')
APPLETS = ('basename', 'blockdev', 'cp', 'diff', 'dirname', 'find', 'insmod',
           'mkfifo', 'mv', 'readlink', 'sort', 'stat', 'tee', 'touch',
           'truncate', 'umount', 'xargs', 'yes')
MODULES_DEPEND = re.compile(rb'\0depends=([^\0]*)\0')


class Toolbox:
    """Makes the archive with what one job needs, out of the tree."""

    def __init__(self, flavour, talk, release=None):
        self.talk = talk
        self.tree = fetcher.Fetcher(talk).fetch()
        release = release or fetcher.chosen_release() or fetcher.OWN_RELEASE
        tree = self.tree if release == fetcher.OWN_RELEASE else \
            fetcher.KernelFetcher(talk, release, flavour).fetch()
        self.release = release
        self.kernel = fetcher.kernel_image(tree, flavour)
        self.modules = fetcher.kernel_modules(tree, flavour)

    def program(self, name):
        for directory in ('usr/sbin', 'usr/bin', 'sbin', 'bin'):
            path = os.path.join(self.tree, directory, name)
            if os.path.exists(path):
                return path
        raise GuestError(f'no program {name} in the packages '
                         f'{fetcher.PACKAGES}')

    def libraries(self, program):
        """By the packages' own loader: this machine's may be too old."""
        directory = os.path.join(self.tree, LIBRARIES)
        path = ':'.join([directory, *(
            os.path.join(directory, name) for name in ('ceph', 'systemd'))])
        result = subprocess.run(
            [os.path.join(self.tree, LOADER), '--library-path', path, '--list',
             program], text=True, stdout=subprocess.PIPE, check=False,
            stderr=subprocess.STDOUT)
        missing = re.findall(r'^\s*(\S+) => not found', result.stdout, re.M)
        if result.returncode or missing:
            raise GuestError(f'{program}: missing libraries {missing}\n'
                             + result.stdout)
        return re.findall(r'=> (/\S+) \(', result.stdout)

    def module_file(self, name):
        """A module, or None when the kernel has it built in."""
        pattern = re.sub('[-_]', '[-_]', name)
        found = [path for suffix in ('ko', 'ko.xz') for path in
                 glob.glob(f'{self.modules}/kernel/**/{pattern}.{suffix}',
                           recursive=True)]
        if found:
            return found[0]
        with open(f'{self.modules}/modules.builtin', encoding='ascii') as f:
            names = re.findall(r'([^/\n]+)\.ko$', f.read(), re.M)
        if name.replace('-', '_') in [n.replace('-', '_') for n in names]:
            return None
        raise GuestError(f'the guest\'s kernel has no module {name}')

    def load_order(self, names, done=None):
        """[(name, content)] of modules and all that they depend on."""
        order, done = [], set() if done is None else done
        for name in names:
            name = name.replace('-', '_')
            if name in done:
                continue
            done.add(name)
            path = self.module_file(name)
            if path is None:
                continue
            with (lzma.open(path) if path.endswith('.xz') else
                  open(path, 'rb')) as f:
                content = f.read()
            depends = MODULES_DEPEND.search(content)
            words = depends[1].decode().split(',') if depends else []
            order += self.load_order(filter(None, words), done)
            order.append((name, content))
        return order

    def inputs(self, programs, modules):
        """What the archive is made from, as text."""
        with open(os.path.join(HERE, 'toolbox.py'), 'rb') as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        stamp = os.stat(self.tree).st_ctime_ns
        return f'{programs} {modules} {self.modules} {stamp} {digest}\n'

    def archive(self, name, programs, modules):
        """The path of the cpio archive; made when something has changed."""
        path = os.path.join(IMAGES, f'tools-{name}.cpio')
        inputs = self.inputs(programs, modules)
        try:
            with open(path + '.inputs', encoding='ascii') as f:
                if f.read() == inputs and os.path.exists(path):
                    return path
        except OSError:
            pass
        os.makedirs(IMAGES, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=IMAGES) as root:
            self.fill(root, programs, modules)
            with open(path, 'wb') as out:
                pack(root, out)
        with open(path + '.inputs', 'w', encoding='ascii') as f:
            f.write(inputs)
        return path

    def fill(self, root, programs, modules):
        for directory in ('bin', 'lib64', GUEST_LIBRARIES, 'modules'):
            os.makedirs(os.path.join(root, directory))
        for name in APPLETS:
            os.symlink('busybox', os.path.join(root, 'bin', name))
        shutil.copy(os.path.join(self.tree, LOADER),
                    os.path.join(root, 'lib64'))
        for name in programs:
            program = self.program(name)
            shutil.copy(program, os.path.join(root, 'bin', name))
            for library in self.libraries(program):
                shutil.copy(library, os.path.join(root, GUEST_LIBRARIES))
        # loaded by name when a thread is cancelled
        shutil.copy(os.path.join(self.tree, LIBRARIES, 'libgcc_s.so.1'),
                    os.path.join(root, GUEST_LIBRARIES))
        names = []
        for name, content in self.load_order(modules):
            names.append(name)
            with open(os.path.join(root, 'modules', name), 'wb') as f:
                f.write(content)
        with open(os.path.join(root, 'modules', 'order'), 'w',
                  encoding='ascii') as f:
            f.writelines(f'{name}\n' for name in names)
