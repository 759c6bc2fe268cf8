#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's packages for the guests: programs, and kernels of some releases.

usage: tests/guest/fetcher.py RELEASE

apt downloads and verifies them, through the one-off sources of
scripts/base-fetch: from the archives that are configured on this machine,
whatever it runs.  Nothing is installed.  The unpacked trees are kept in
$XDG_CACHE_HOME/qemu-zns/guest, and what is there is used without asking
anybody; remove a tree to get newer packages.

As a program it prints the path of the cloud kernel of a release.
"""
import glob
import importlib.machinery
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True

from guest import ROOT, GuestError, Talk, run_tool  # noqa: E402

PACKAGES = ('btrfs-progs', 'dm-zoned-tools', 'dmsetup', 'e2fsprogs',
            'f2fs-tools', 'fio', 'libzbd2t64', 'lsscsi', 'nvme-cli',
            'sg3-utils', 'sqlite3', 'util-linux', 'zonefs-tools')
# Without what they depend on: other programs in them have windows.
ALONE = ('zbd-utils',)
# What the release of the other programs has too old
NEWER = ('xfsprogs',)
# The cloud kernel starts in half the time; the full one has f2fs.
KERNELS = {'cloud': 'linux-image-cloud-amd64', 'full': 'linux-image-amd64'}
# Names that people give, and the suites that they stand for
RELEASES = {'bookworm': 'bookworm', 'trixie': 'trixie',
            'newest': 'trixie-backports'}
OWN_RELEASE = 'trixie'      # the one that programs come from
NEWER_SUITE = 'forky'       # ... but those of NEWER
# Newer releases have the kernel in parts.
KERNEL_NAME = re.compile(
    r'^(linux-(?:base|binary|image|modules)-[0-9]\S+)$', re.M)
HELP = """\
The programs and kernels of the guests come from Debian's packages: check that
this machine reaches the mirror that is configured in /etc/apt (`apt-get update`
must work), then run this again."""


class Unavailable(GuestError):
    """Packages cannot be had, and are not in the cache."""


def chosen_release():
    """The release that the environment asks for, or None."""
    name = os.environ.get('KERNEL')
    if name and name not in RELEASES:
        raise GuestError(f'KERNEL={name} is none of {", ".join(RELEASES)}')
    return name or None


def only(tree, patterns, flavour):
    found = [path for pattern in patterns
             for path in glob.glob(os.path.join(tree, pattern))
             if ('-cloud-' in path[len(tree):]) == (flavour == 'cloud')]
    if len(found) != 1:
        raise GuestError(f'{len(found)} files {" or ".join(patterns)} in '
                         f'{tree}; remove that directory and try again')
    return found[0]


def kernel_image(tree, flavour):
    return only(tree, ['boot/vmlinuz-*', 'usr/lib/modules/*/vmlinuz'], flavour)


def kernel_modules(tree, flavour):
    return only(tree, ['usr/lib/modules/*', 'lib/modules/*'], flavour)


def machine_release():
    """Debian's release that this machine runs."""
    name = platform.freedesktop_os_release().get('VERSION_CODENAME')
    if not name:
        raise GuestError('/etc/os-release names no release of Debian')
    return name


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

    wanted = (*PACKAGES, *ALONE, *KERNELS.values())

    def __init__(self, talk, suite=RELEASES[OWN_RELEASE], name='',
                 machine=None):
        self.talk = talk
        self.cache = base_fetch().Cache(suite, machine=machine)
        self.dir = os.path.join(self.cache.dir, 'guest', name)
        self.tree = os.path.join(self.dir, 'tree')
        self.stamp = os.path.join(self.dir, 'packages')

    def try_apt(self, command, *words):
        try:
            return self.cache.apt_run(command, 'deb', *words)
        except (OSError, SystemExit) as error:
            raise Unavailable(f'cannot run {command}: {error}\n{HELP}') \
                from error

    def apt(self, command, *words):
        """What it prints; a failure raises."""
        result = self.try_apt(command, *words)
        if result.returncode:
            raise Unavailable(f'{command} {" ".join(words)} failed\n'
                              f'{result.stdout}\n{HELP}')
        return result.stdout

    def kernel_packages(self, *metas):
        """What packages that only stand for kernels stand for."""
        found = set(KERNEL_NAME.findall(self.apt(
            'apt-cache', 'depends', '--recurse', '--important', *metas)))
        if not found:
            raise Unavailable(f'apt does not say what {" ".join(metas)} of '
                              f'{self.cache.suite} stands for\n{HELP}')
        return sorted(found)

    def closure(self, packages):
        """Packages and the libraries that they need.

        apt is told that nothing is installed.
        """
        empty = os.path.join(self.dir, 'nothing-installed')
        with open(empty, 'w', encoding='ascii'):
            pass
        plan = self.apt('apt-get', '-o', f'Dir::State::status={empty}',
                        '--no-install-recommends', '-s', 'install', *packages)
        names = re.findall(r'^Inst (\S+) ', plan, re.M)
        return [name for name in names
                if name in packages or name.startswith(('lib', 'zlib'))]

    def is_complete(self):
        """Whether the tree has what this file asks for."""
        try:
            with open(self.stamp, encoding='ascii') as f:
                return f.readline().split() == [*self.wanted]
        except OSError:
            return False

    def names(self):
        """All packages that make the tree."""
        return [*self.closure(PACKAGES), *ALONE,
                *self.kernel_packages(*KERNELS.values())]

    def fetch(self):
        os.makedirs(self.dir, exist_ok=True)
        if not self.is_complete():
            self.talk.say('   asking apt for packages '
                          f'({self.cache.suite})')
            # one of several archives may fail: the others may do
            self.try_apt('apt-get', 'update')
            names = self.names()
            self.talk.say(f'   downloading {len(names)} packages '
                          f'({self.megabytes(names)} MB)')
            self.unpack(names)
            with open(self.stamp, 'w', encoding='ascii') as f:
                f.write(' '.join(self.wanted) + '\n'
                        + '\n'.join(names) + '\n')
        return self.tree

    def megabytes(self, names):
        text = self.apt('apt-cache', 'show', '--no-all-versions', *names)
        sizes = re.findall(r'^Size: (\d+)$', text, re.M)
        return round(sum(map(int, sizes)) / 1e6)

    def downloaded(self, names):
        return [deb for name in names for deb in
                glob.glob(os.path.join(self.cache.dir, f'{name}_*.deb'))]

    def unpack(self, names):
        """The tree appears only when it is complete."""
        with tempfile.TemporaryDirectory(dir=self.dir) as tmp:
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


class NewerFetcher(Fetcher):
    """Programs of a newer release, with the libraries of that."""

    wanted = NEWER

    def __init__(self, talk):
        super().__init__(talk, NEWER_SUITE, 'newer')

    def names(self):
        return self.closure(self.wanted)


class KernelFetcher(Fetcher):
    """Only the kernel, of any of the releases."""

    def __init__(self, talk, release, flavour):
        super().__init__(talk, RELEASES[release], f'{release}-{flavour}')
        self.wanted = (KERNELS[flavour],)

    def names(self):
        return self.kernel_packages(*self.wanted)


def main(release):
    tree = KernelFetcher(Talk(sys.stderr), release, 'cloud').fetch()
    print(kernel_image(tree, 'cloud'))


if __name__ == '__main__':
    if len(sys.argv) != 2 or sys.argv[1] not in RELEASES:
        print(__doc__ + f'\nreleases: {" ".join(RELEASES)}', file=sys.stderr)
        sys.exit(2)
    try:
        main(sys.argv[1])
    except GuestError as error:
        print(f'error: {error}', file=sys.stderr)
        sys.exit(1)
