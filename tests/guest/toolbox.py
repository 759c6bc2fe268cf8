# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs and a kernel for the guests of the client jobs.

All of it is Debian's, of the release that carries the base, whatever this
machine runs: apt downloads and verifies the packages (through the one-off
sources of scripts/base-fetch), nothing is installed.  The unpacked tree is
kept in $XDG_CACHE_HOME/qemu-zns/guest; remove it to get newer packages.
"""
import glob
import hashlib
import importlib.machinery
import importlib.util
import lzma
import os
import re
import shutil
import subprocess
import tempfile

from guest import HERE, IMAGES, ROOT, GuestError, pack, run_tool

PACKAGES = ('btrfs-progs', 'f2fs-tools', 'fio', 'nvme-cli', 'util-linux',
            'zonefs-tools')
# The cloud kernel starts in half the time; the full one has f2fs.
KERNELS = {'cloud': 'linux-image-cloud-amd64', 'full': 'linux-image-amd64'}
KERNEL_NAME = re.compile(r'Depends: (linux-image-[0-9]\S+)')
LIBRARIES = os.path.join('usr', 'lib', 'x86_64-linux-gnu')
LOADER = os.path.join('usr', 'lib64', 'ld-linux-x86-64.so.2')
GUEST_LIBRARIES = os.path.join('lib', 'x86_64-linux-gnu')
APPLETS = ('basename', 'blockdev', 'cp', 'diff', 'dirname', 'find', 'insmod',
           'mkfifo', 'mv', 'readlink', 'sort', 'stat', 'tee', 'touch',
           'truncate', 'umount', 'xargs', 'yes')
HELP = """\
The programs and the kernel of the client jobs come from Debian's packages:
check that this machine reaches the mirror that is configured in /etc/apt
(`apt-get update` must work), then run this again."""
MODULES_DEPEND = re.compile(rb'\0depends=([^\0]*)\0')


def base_fetch():
    """scripts/base-fetch, as a module."""
    path = os.path.join(ROOT, 'scripts', 'base-fetch')
    loader = importlib.machinery.SourceFileLoader('base_fetch', path)
    spec = importlib.util.spec_from_loader('base_fetch', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Fetcher:
    """Downloads the packages and unpacks them into one tree."""

    def __init__(self, talk):
        self.talk = talk
        self.cache = base_fetch().Cache()
        self.tree = os.path.join(self.cache.dir, 'guest', 'tree')
        self.stamp = os.path.join(self.cache.dir, 'guest', 'packages')

    def try_apt(self, command, *words):
        try:
            return self.cache.apt_run(command, 'deb', *words)
        except (OSError, SystemExit) as error:
            raise GuestError(f'cannot run {command}: {error}\n{HELP}') \
                from error

    def apt(self, command, *words):
        """What it prints; a failure raises."""
        result = self.try_apt(command, *words)
        if result.returncode:
            raise GuestError(f'{command} {" ".join(words)} failed\n'
                             f'{result.stdout}\n{HELP}')
        return result.stdout

    def kernel_package(self, name):
        found = KERNEL_NAME.findall(
            self.apt('apt-cache', 'depends', '--important', name))
        if not found:
            raise GuestError(f'apt does not say what {name} stands for')
        return found[0]

    def closure(self):
        """The wanted packages and the libraries that they need.

        apt is told that nothing is installed.
        """
        empty = os.path.join(self.cache.dir, 'guest', 'nothing-installed')
        with open(empty, 'w', encoding='ascii'):
            pass
        plan = self.apt('apt-get', '-o', f'Dir::State::status={empty}',
                        '--no-install-recommends', '-s', 'install', *PACKAGES)
        names = re.findall(r'^Inst (\S+) ', plan, re.M)
        return [name for name in names
                if name in PACKAGES or name.startswith('lib')]

    def is_complete(self):
        """Whether the tree has what this file asks for."""
        try:
            with open(self.stamp, encoding='ascii') as f:
                return f.readline().split() == [*PACKAGES, *KERNELS.values()]
        except OSError:
            return False

    def fetch(self):
        os.makedirs(os.path.dirname(self.tree), exist_ok=True)
        if not self.is_complete():
            self.talk.say('   asking apt for the packages of the guest')
            # one of several archives may fail: the others may do
            self.try_apt('apt-get', 'update')
            names = [*self.closure(),
                     *map(self.kernel_package, KERNELS.values())]
            self.talk.say(f'   downloading {len(names)} packages '
                          '(about 200 MB)')
            self.unpack(names)
            with open(self.stamp, 'w', encoding='ascii') as f:
                f.write(' '.join([*PACKAGES, *KERNELS.values()]) + '\n'
                        + '\n'.join(names) + '\n')
        return self.tree

    def downloaded(self, names):
        return [deb for name in names for deb in
                glob.glob(os.path.join(self.cache.dir, f'{name}_*.deb'))]

    def unpack(self, names):
        """The tree appears only when it is complete."""
        with tempfile.TemporaryDirectory(dir=os.path.dirname(self.tree)) as tmp:
            for deb in self.downloaded(names):
                os.unlink(deb)
            self.apt('apt-get', 'download', *names)
            tree = os.path.join(tmp, 'tree')
            for deb in self.downloaded(names):
                run_tool(['dpkg-deb', '-x', deb, tree])
                os.unlink(deb)
            if os.path.exists(self.stamp):
                os.unlink(self.stamp)
            shutil.rmtree(self.tree, ignore_errors=True)
            os.rename(tree, self.tree)


class Toolbox:
    """Makes the archive with what one job needs, out of the tree."""

    def __init__(self, kernel, talk):
        self.talk = talk
        self.tree = Fetcher(talk).fetch()
        self.kernel = self.only('boot/vmlinuz-*', kernel)
        self.modules = self.only('usr/lib/modules/*', kernel)

    def only(self, pattern, kernel):
        found = [path for path in glob.glob(os.path.join(self.tree, pattern))
                 if path.endswith('-cloud-amd64') == (kernel == 'cloud')]
        if len(found) != 1:
            raise GuestError(f'{len(found)} files {pattern} in {self.tree}; '
                             'remove that directory and try again')
        return found[0]

    def program(self, name):
        for directory in ('usr/sbin', 'usr/bin', 'sbin', 'bin'):
            path = os.path.join(self.tree, directory, name)
            if os.path.exists(path):
                return path
        raise GuestError(f'no program {name} in the packages {PACKAGES}')

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
        found = glob.glob(f'{self.modules}/kernel/**/{pattern}.ko.xz',
                          recursive=True)
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
            with lzma.open(path) as f:
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
            f.write('\n'.join(names) + '\n')
