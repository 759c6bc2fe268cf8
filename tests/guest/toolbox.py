# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs and a kernel for the guests of the client jobs.

All of it is Debian's, unpacked and not installed (fetcher.py): the programs
of the release that carries the base, whatever this machine runs, and a kernel
of the same release or of the one that KERNEL names.  What that release has too
old is of a newer one, and is in a directory of its own in the guest, with the
libraries and the loader that it was made for.
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
GUEST_NEWER = 'newer'
WRAPPER = """#!/bin/sh
exec /{0}/{1} --library-path /{0} /{0}/{2} "$@"
"""
APPLETS = ('basename', 'blockdev', 'cp', 'diff', 'dirname', 'find', 'insmod',
           'mkfifo', 'mv', 'readlink', 'sort', 'stat', 'tee', 'touch',
           'truncate', 'umount', 'xargs', 'yes')
MODULES_DEPEND = re.compile(rb'\0depends=([^\0]*)\0')


class Tree:
    """Programs of unpacked packages, and the libraries that they need."""

    def __init__(self, path, packages):
        self.path, self.packages = path, packages

    @property
    def loader(self):
        return os.path.join(self.path, LOADER)

    def program(self, name):
        for directory in ('usr/sbin', 'usr/bin', 'sbin', 'bin'):
            path = os.path.join(self.path, directory, name)
            if os.path.exists(path):
                return path
        raise GuestError(f'no program {name} in the packages {self.packages}')

    def libraries(self, program):
        """By the packages' own loader: this machine's may be too old."""
        directory = os.path.join(self.path, LIBRARIES)
        path = ':'.join([directory, *(
            os.path.join(directory, name) for name in ('ceph', 'systemd'))])
        result = subprocess.run(
            [self.loader, '--library-path', path, '--list', program],
            text=True, stdout=subprocess.PIPE, check=False,
            stderr=subprocess.STDOUT)
        missing = re.findall(r'^\s*(\S+) => not found', result.stdout, re.M)
        if result.returncode or missing:
            raise GuestError(f'{program}: missing libraries {missing}\n'
                             + result.stdout)
        return re.findall(r'=> (/\S+) \(', result.stdout)


class Toolbox:
    """Makes the archive with what one job needs, out of the tree."""

    def __init__(self, flavour, talk, release=None):
        self.talk = talk
        self.tree = Tree(fetcher.Fetcher(talk).fetch(), fetcher.PACKAGES)
        release = release or fetcher.chosen_release() or fetcher.OWN_RELEASE
        tree = self.tree.path if release == fetcher.OWN_RELEASE else \
            fetcher.KernelFetcher(talk, release, flavour).fetch()
        self.release = release
        self.kernel = fetcher.kernel_image(tree, flavour)
        self.modules = fetcher.kernel_modules(tree, flavour)

    def module_file(self, name):
        """A module, or None when the kernel has it built in, or need not have
        it ("name?")."""
        optional, name = name.endswith('?'), name.rstrip('?')
        pattern = re.sub('[-_]', '[-_]', name)
        found = [path for suffix in ('ko', 'ko.xz') for path in
                 glob.glob(f'{self.modules}/kernel/**/{pattern}.{suffix}',
                           recursive=True)]
        if found:
            return found[0]
        with open(f'{self.modules}/modules.builtin', encoding='ascii') as f:
            names = re.findall(r'([^/\n]+)\.ko$', f.read(), re.M)
        if optional or \
                name.replace('-', '_') in [n.replace('-', '_') for n in names]:
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

    def inputs(self, *words):
        """What the archive is made from, as text."""
        with open(os.path.join(HERE, 'toolbox.py'), 'rb') as f:
            digest = hashlib.sha256(f.read()).hexdigest()
        stamp = os.stat(self.tree.path).st_ctime_ns
        return f'{words} {self.modules} {stamp} {digest}\n'

    def archive(self, name, programs, newer, modules):
        """The path of the cpio archive; made when something has changed."""
        path = os.path.join(IMAGES, f'tools-{name}.cpio')
        inputs = self.inputs(programs, newer, modules)
        try:
            with open(path + '.inputs', encoding='ascii') as f:
                if f.read() == inputs and os.path.exists(path):
                    return path
        except OSError:
            pass
        os.makedirs(IMAGES, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=IMAGES) as root:
            self.fill(root, programs, modules)
            if newer:
                self.fill_newer(root, newer)
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
        shutil.copy(self.tree.loader, os.path.join(root, 'lib64'))
        for name in programs:
            program = self.tree.program(name)
            shutil.copy(program, os.path.join(root, 'bin', name))
            for library in self.tree.libraries(program):
                shutil.copy(library, os.path.join(root, GUEST_LIBRARIES))
        # loaded by name when a thread is cancelled
        shutil.copy(os.path.join(self.tree.path, LIBRARIES, 'libgcc_s.so.1'),
                    os.path.join(root, GUEST_LIBRARIES))
        names = []
        for name, content in self.load_order(modules):
            names.append(name)
            with open(os.path.join(root, 'modules', name), 'wb') as f:
                f.write(content)
        with open(os.path.join(root, 'modules', 'order'), 'w',
                  encoding='ascii') as f:
            f.writelines(f'{name}\n' for name in names)

    def fill_newer(self, root, programs):
        """A script in /bin starts each by its own loader"""
        tree = Tree(fetcher.NewerFetcher(self.talk).fetch(), fetcher.NEWER)
        directory = os.path.join(root, GUEST_NEWER)
        os.makedirs(directory)
        shutil.copy(tree.loader, directory)
        for name in programs:
            program = tree.program(name)
            for path in (program, *tree.libraries(program)):
                shutil.copy(path, directory)
            script = os.path.join(root, 'bin', name)
            with open(script, 'w', encoding='ascii') as f:
                f.write(WRAPPER.format(GUEST_NEWER, os.path.basename(LOADER),
                                       name))
            os.chmod(script, 0o755)
