# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers of packages that would start one on this machine when installed.

apt downloads and verifies them, for the release that this machine runs.  They
are unpacked in $XDG_CACHE_HOME/qemu-zns/network, and not installed; what is
there, or is installed, is used without asking anybody.
"""
import glob
import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'guest'))

import fetcher  # noqa: E402  pylint: disable=wrong-import-position
from guest import GuestError, Talk  # noqa: E402  pylint: disable=C0413

# Programs, and the packages that have them
PROGRAMS = {'bindfs': ('bindfs',),
            'ganesha.nfsd': ('nfs-ganesha', 'nfs-ganesha-vfs')}
TREE = os.path.join(os.environ.get('XDG_CACHE_HOME') or
                    os.path.expanduser('~/.cache'), 'qemu-zns', 'network',
                    'tree')


class ServerFetcher(fetcher.Fetcher):
    """Programs, and the libraries of theirs that are not installed."""

    wanted = sum(PROGRAMS.values(), ())

    def __init__(self, talk, release):
        super().__init__(talk, release)
        self.dir = os.path.dirname(TREE)
        self.tree = TREE
        self.stamp = os.path.join(self.dir, 'packages')

    def names(self):
        plan = self.apt('apt-get', '--no-install-recommends', '-s', 'install',
                        *self.wanted)
        return [name for name in re.findall(r'^Inst (\S+) ', plan, re.M)
                if name in self.wanted or name.startswith('lib')]


def fetch():
    """None, or why it failed: what needs these programs is skipped then."""
    if all(find(name) for name in PROGRAMS):
        return None
    try:
        ServerFetcher(Talk(sys.stderr), fetcher.machine_release()).fetch()
    except (GuestError, SystemExit) as error:
        return str(error)
    return None


def find(program):
    """The path of a program, or None."""
    found = glob.glob(os.path.join(TREE, 'usr', '*bin', program))
    return found[0] if found else shutil.which(program)


def library(name):
    """The directory of a library, or None."""
    for top in (TREE, ''):
        found = glob.glob(f'{top}/usr/lib/**/{name}', recursive=True)
        if found:
            return os.path.dirname(found[0])
    return None


def environment():
    """With the libraries of the programs."""
    found = glob.glob(f'{TREE}/**/lib*.so*', recursive=True)
    paths = sorted({os.path.dirname(path) for path in found})
    return {**os.environ, 'LD_LIBRARY_PATH': ':'.join(paths)}
