# SPDX-License-Identifier: GPL-2.0-or-later
"""NFS: a directory that nfs-ganesha exports, and QEMU's own driver of NFS.

QEMU speaks version 3, in which the server remembers nothing of its clients:
they repeat what it has not answered when it died.
"""
import ctypes
import os

import packages
from common import Place, Server, Storage, answers, free_port
from portmapper import Portmapper

NFS, MOUNT = 100003, 100005     # numbers of RPC programs
AT_FDCWD = -100
MAX_HANDLE = 128

CONF = """\
NFS_CORE_PARAM {{
    NFS_Port = {nfs};
    MNT_Port = {mount};
    Protocols = 3;
    Enable_NLM = false;
    Enable_RQUOTA = false;
    Enable_UDP = false;
    Plugins_Dir = "{plugins}";
}}
NFSv4 {{
    UseGetpwnam = true;
}}
NFS_KRB5 {{
    Active_krb5 = false;
}}
EXPORT {{
    Export_Id = 1;
    Path = "{directory}";
    Pseudo = "/zones";
    Protocols = 3;
    Access_Type = RW;
    Squash = No_Root_Squash;
    SecType = sys;
    FSAL {{
        Name = VFS;
    }}
}}
"""


def has_handles(path):
    """Whether files there have handles that outlive a server of theirs."""
    handle = ctypes.create_string_buffer(8 + MAX_HANDLE)
    ctypes.c_uint.from_buffer(handle).value = MAX_HANDLE
    mount = ctypes.c_int()
    return ctypes.CDLL(None).name_to_handle_at(
        AT_FDCWD, path.encode(), handle, ctypes.byref(mount), 0) == 0


class Nfs(Storage):
    name = 'nfs'
    inside = False              # a namespace of its own: its ports are ours

    def __init__(self, tools, directory):
        super().__init__(tools, directory)
        self.source = os.path.join(directory, 'nfs')
        self.conf = os.path.join(directory, 'ganesha.conf')
        self.log = os.path.join(directory, 'ganesha.log')
        self.ports = {NFS: free_port(), MOUNT: free_port()}
        self.portmapper = None

    def missing(self):
        if not self.tools.has_driver('nfs'):
            return 'this QEMU has no driver nfs: it is built with ' \
                '--enable-libnfs'
        if not packages.find('ganesha.nfsd') or \
                not packages.library('libfsalvfs.so'):
            return 'no nfs-ganesha'
        if not self.inside:
            return 'no network namespace, whose port 111 could be used'
        with open('/proc/self/uid_map', encoding='ascii') as uids:
            if os.geteuid() or uids.read().split()[1] != '0':
                return 'only root opens files by their handles'
        return None if has_handles(self.directory) else \
            f'the file system of {self.directory} has no handles'

    def open(self):
        os.mkdir(self.source)
        with open(self.conf, 'w', encoding='ascii') as conf:
            conf.write(CONF.format(
                nfs=self.ports[NFS], mount=self.ports[MOUNT],
                plugins=packages.library('libfsalvfs.so'),
                directory=self.source))
        self.portmapper = Portmapper(self.ports)
        self.start()

    def start(self):
        self.server = Server(
            [packages.find('ganesha.nfsd'), '-F', '-f', self.conf, '-L',
             'STDERR', '-N', 'EVENT', '-p',
             os.path.join(self.directory, 'ganesha.pid')], self.log,
            packages.environment())
        for port in self.ports.values():
            self.server.wait_until(
                lambda port=port: answers(('127.0.0.1', port)))

    def place(self, megabytes):
        path = os.path.join(self.source, self.next_name())
        return Place(f'nfs://127.0.0.1{path}',
                     'driver=nfs,server.type=inet,server.host=127.0.0.1,'
                     f'path={path}')

    def real_length(self, place):
        return os.path.getsize(os.path.join(
            self.source, os.path.basename(place.image)))

    def close(self):
        super().close()
        if self.portmapper:
            self.portmapper.close()
            self.portmapper = None
