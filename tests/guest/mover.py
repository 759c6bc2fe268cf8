# SPDX-License-Identifier: GPL-2.0-or-later
"""Moves a guest's drive from image to image while the guest is at work.

Round after round, over QMP: a mirror to a new image that takes over, in both
copy modes; an external snapshot, and back by a commit or a stream; a backup.
Each of them has to end well.  When the guest powers off, what is under way ends
with it: the drive is in the image that took over last.  The first backup begins
before the guest is up, and has what was there before.
"""
import contextlib
import os
import sys
import threading

from guest import BUILD, QEMU_IMG, GuestError, run_tool

sys.path.append(os.path.join(BUILD, 'qemu', 'python'))
# pylint: disable=wrong-import-position,import-error
from qemu.qmp import QMPError  # noqa: E402
from qemu.qmp.legacy import QEMUMonitorProtocol  # noqa: E402

TIMEOUT_SECONDS = 120.0
KINDS = ('mirror background', 'mirror write-blocking', 'commit', 'stream',
         'backup')


class PowerOff(Exception):
    """The guest has gone."""


class Server:
    """The monitor of a QEMU that starts later, and connects to it"""

    def __init__(self, socket):
        self.qmp = QEMUMonitorProtocol(socket, server=True, nickname='server')

    def accept(self):
        try:
            self.qmp.accept(TIMEOUT_SECONDS)
        except (QMPError, OSError) as error:
            raise GuestError(f'the monitor: {error}') from error

    def commands(self, name, arguments):
        """The same command several times"""
        try:
            for each in arguments:
                self.qmp.cmd(name, **each)
        except (QMPError, OSError) as error:
            raise GuestError(f'{name}: {error}') from error

    def close(self):
        with contextlib.suppress(QMPError, OSError, EOFError):
            self.qmp.close()


class Teller(threading.Thread):
    """One command, before anything else"""

    def __init__(self, socket, name, arguments):
        super().__init__()
        self.socket, self.name, self.arguments = socket, name, arguments
        self.error = None

    def run(self):
        qmp = QEMUMonitorProtocol(self.socket, server=True, nickname='teller')
        try:
            qmp.accept(TIMEOUT_SECONDS)
            qmp.cmd(self.name, **self.arguments)
        except (QMPError, OSError) as error:
            self.error = GuestError(f'{self.name}: {error}')
        finally:
            with contextlib.suppress(QMPError, OSError, EOFError):
                qmp.close()


class Mover(threading.Thread):
    """image: where the drive is, as node "drive0"; prefix: of others"""

    def __init__(self, socket, image, creation, prefix):
        super().__init__()
        self.socket, self.image, self.creation = socket, image, creation
        self.prefix = prefix
        self.node, self.count = 'drive0', 0
        self.done, self.error = [], None
        self.backups = []           # the first, and the last
        self.qmp = None

    # Of the monitor

    def command(self, name, **arguments):
        try:
            return self.qmp.cmd(name, **{key.replace('_', '-'): value
                                         for key, value in arguments.items()})
        except (QMPError, OSError) as error:
            if getattr(error, 'error', None) and not self.is_over():
                raise GuestError(f'{name}: {error}') from error
            raise PowerOff from error

    def is_over(self):
        """Whether the guest has gone, and its jobs: they cannot be found"""
        try:
            events = self.qmp.get_events()
        except (QMPError, OSError):
            return True
        return any(event['event'] == 'SHUTDOWN' for event in events)

    def wait(self, *names):
        """The next of these events"""
        while True:
            try:
                event = self.qmp.pull_event(wait=TIMEOUT_SECONDS)
            except (QMPError, OSError) as error:
                raise PowerOff from error
            if event['event'] == 'SHUTDOWN':
                raise PowerOff
            if event['event'] in names:
                return event

    def finish(self, kind):
        """A job that is to complete"""
        event = self.wait('BLOCK_JOB_READY', 'BLOCK_JOB_COMPLETED')
        if event['event'] == 'BLOCK_JOB_READY':
            self.command('block-job-complete', device='job0')
            event = self.wait('BLOCK_JOB_COMPLETED')
        if 'error' in event['data']:
            raise GuestError(f'{kind}: {event["data"]["error"]}')
        self.done.append(kind)

    # What happens to the drive

    def next_image(self):
        self.count += 1
        return f'{self.prefix}-{self.count}.qcow2', f'drive{self.count}'

    def add(self, path, node, **options):
        self.command('blockdev-add', driver='qcow2', node_name=node,
                     file={'driver': 'file', 'filename': path}, **options)

    def take_over(self, path, node):
        """What was before is closed, and goes"""
        self.command('blockdev-del', node_name=self.node)
        os.unlink(self.image)
        self.image, self.node = path, node

    def mirror(self, mode):
        path, node = self.next_image()
        run_tool([QEMU_IMG, 'create', '-q', '-f', 'qcow2', '-o', self.creation,
                  path])
        self.add(path, node)
        self.command('blockdev-mirror', device=self.node, target=node,
                     job_id='job0', sync='full', copy_mode=mode)
        try:
            self.finish(f'mirror {mode}')
        except PowerOff:
            os.unlink(path)
            raise
        self.take_over(path, node)

    def snapshot(self):
        path, node = self.next_image()
        run_tool([QEMU_IMG, 'create', '-q', '-f', 'qcow2', '-b', self.image,
                  '-F', 'qcow2', path])
        self.add(path, node, backing=None)
        self.command('blockdev-snapshot', node=self.node, overlay=node)
        return path, node

    def commit(self):
        """The image below takes over again"""
        below = self.image, self.node
        self.image, self.node = self.snapshot()
        self.command('block-commit', device=self.node, job_id='job0')
        self.finish('commit')
        self.take_over(*below)

    def stream(self):
        """The overlay goes on alone"""
        path, node = self.snapshot()
        below, self.image = self.image, path
        below_node, self.node = self.node, node
        self.command('block-stream', device=node, job_id='job0')
        self.finish('stream')
        self.command('blockdev-del', node_name=below_node)
        os.unlink(below)

    def back_up(self):
        path, node = self.next_image()
        run_tool([QEMU_IMG, 'create', '-q', '-f', 'qcow2', '-o', self.creation,
                  path])
        self.add(path, node)
        self.command('blockdev-backup', device=self.node, target=node,
                     job_id='job0', sync='full')
        try:
            self.finish('backup')
        except PowerOff:
            os.unlink(path)
            raise
        self.command('blockdev-del', node_name=node)
        for old in self.backups[1:]:
            os.unlink(old)
        self.backups[1:] = [path]

    def run(self):
        self.qmp = QEMUMonitorProtocol(self.socket, server=True,
                                       nickname='mover')
        try:
            self.qmp.accept(TIMEOUT_SECONDS)
            while True:
                self.back_up()
                self.mirror('background')
                self.commit()
                self.mirror('write-blocking')
                self.stream()
        except PowerOff:
            pass
        except GuestError as error:
            self.error = error
        finally:
            # EOFError: the monitor went while something was read
            with contextlib.suppress(QMPError, OSError, EOFError):
                self.qmp.close()
