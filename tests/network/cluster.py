# SPDX-License-Identifier: GPL-2.0-or-later
"""Ceph RBD: a cluster of one monitor and one OSD, whose disk is a file.

All of it is below one directory and on 127.0.0.1, without keys, without the
manager, which only counts, and without a second copy of anything.
"""
import json
import os
import re
import shutil
import uuid

from common import (PATIENCE, Failed, Place, Server, Storage, answers,
                    free_port, run)

POOL = 'zones'
PROGRAMS = ('ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'rbd')

# The OSD waits that long for a client that has died before another one may
# have its image: 30 seconds by default, of which each kill would take one.
CLIENT_SECONDS = 2

CONF = """\
[global]
fsid = {fsid}
mon_host = {address}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = /dev/null
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
ms_bind_ipv6 = false
run_dir = {run}
crash_dir = {run}
admin_socket = {run}/$name.asok
log_file = {data}/$name.log
mon_cluster_log_file = {data}/cluster.log
mon_data = {data}/mon
osd_data = {data}/osd
osd_objectstore = bluestore
bluestore_block_size = 4294967296
osd_memory_target = 1073741824
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_client_watch_timeout = {client}
mon_allow_pool_size_one = true
paxos_propose_interval = 0.1

[client]
admin_socket =
log_file =
"""


class Rbd(Storage):
    name = 'rbd'

    def __init__(self, tools, directory):
        super().__init__(tools, directory)
        self.data = os.path.join(directory, 'ceph')
        self.conf = os.path.join(self.data, 'conf')
        self.monitor = None
        self.port = free_port()

    def missing(self):
        if not self.tools.has_driver('rbd'):
            return 'this QEMU has no driver rbd: it is built with --enable-rbd'
        absent = [name for name in PROGRAMS if not shutil.which(name)]
        return f'no {" and no ".join(absent)}' if absent else None

    def run(self, program, *args):
        return run([program, '--conf', self.conf, *args])

    def ceph(self, *args):
        """A command to the monitor."""
        return self.run('ceph', '--connect-timeout', str(PATIENCE), *args)

    def open(self):
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        address = f'[v2:127.0.0.1:{self.port}/0]'
        for path in ('', 'mon', 'osd', 'run'):
            os.mkdir(os.path.join(self.data, path))
        with open(self.conf, 'w', encoding='ascii') as conf:
            conf.write(CONF.format(
                fsid=fsid, address=address, data=self.data,
                run=os.path.join(self.data, 'run'), client=CLIENT_SECONDS))
        monmap = os.path.join(self.data, 'monmap')
        run(['monmaptool', '--create', '--fsid', fsid, '--addv', 'a', address,
             monmap])
        self.run('ceph-mon', '--mkfs', '--id', 'a', '--monmap', monmap)
        self.monitor = self.serve('ceph-mon', 'a')
        self.monitor.wait_until(lambda: answers(('127.0.0.1', self.port)))
        self.ceph('osd', 'new', osd, '0')
        self.run('ceph-osd', '--mkfs', '--id', '0', '--osd-uuid', osd)
        self.start()
        self.ceph('osd', 'pool', 'create', POOL, '8')

    def serve(self, program, name):
        return Server([program, '--conf', self.conf, '--foreground', '--id',
                       name], os.path.join(self.data, f'{program}.messages'))

    def is_up(self):
        tree = json.loads(self.ceph('osd', 'tree', '--format=json'))
        return any(node.get('status') == 'up' for node in tree['nodes'])

    def start(self):
        self.server = self.serve('ceph-osd', '0')
        self.server.wait_until(self.is_up)

    def place(self, megabytes):
        name = self.next_name()
        return Place(f'rbd:{POOL}/{name}:conf={self.conf}',
                     f'driver=rbd,pool={POOL},image={name},conf={self.conf}')

    def real_length(self, place):
        name = re.match(r'rbd:([^:]*):', place.image)[1]
        info = json.loads(self.run('rbd', 'info', '--format=json', name))
        return info['size']

    def judge(self):
        """Objects of the images are there, so this is no file somewhere."""
        listed = self.run('rbd', 'ls', '--pool', POOL).split()
        if f'image{self.count}' not in listed:
            raise Failed(f'the pool has no image{self.count}: {listed}')
        used = json.loads(self.run('rbd', 'du', '--format=json', '--pool',
                                   POOL))
        return f'{used["total_used_size"] >> 20} MiB of the pool are used'

    def close(self):
        super().close()
        if self.monitor:
            self.monitor.stop()
            self.monitor = None
