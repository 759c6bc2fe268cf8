# SPDX-License-Identifier: GPL-2.0-or-later
"""The server dies, requests fail, and the process that has sent them stays.

When there is a server again, that process goes on where its zones are.
"""
import contextlib
import subprocess
import threading
import time

from common import KIB, PATIENCE, Failed
from life import ROOM, create, expect


class Session:
    """qemu-io that is told one command after the other."""

    def __init__(self, tools, place):
        self.process = subprocess.Popen(
            [tools.path('qemu-io'), '--image-opts', place.node()], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        # what hangs is killed, and ends the stream that is read
        self.timer = threading.Timer(PATIENCE, self.process.kill)
        self.timer.start()

    def succeeds(self, command):
        """True, or False when it is an I/O error."""
        print(command, file=self.process.stdin, flush=True)
        line = ''
        for line in self.process.stdout:
            if ' ops; ' in line:
                return True
            if 'Input/output error' in line:
                return False
            if 'failed' in line:
                break
        raise Failed(f'{command}: {line.strip()}')

    def end(self):
        self.timer.cancel()
        self.process.communicate()


@contextlib.contextmanager
def running(tools, place):
    """A session, which is over at the end of the input."""
    session = Session(tools, place)
    try:
        yield session
    finally:
        session.end()


def wait_for_server(session):
    """Only a request makes QEMU look for the server, and it fails."""
    deadline = time.monotonic() + PATIENCE / 2
    while not session.succeeds('read 0 4k'):
        if time.monotonic() > deadline:
            raise Failed('the server is there again, and nothing is read')
        time.sleep(0.1)


def use(storage, job):
    tools, place = job.tools, storage.place(ROOM)
    create(tools, place)
    with running(tools, place) as session:
        expect(session.succeeds('write -P 1 0 64k'), True, 'a write')
        storage.kill()
        for command in ('write -P 2 64k 64k', 'write -P 3 8M 4k',
                        'write -P 2 64k 64k'):
            expect(session.succeeds(command), False, 'a write to nobody')
        storage.start()
        wait_for_server(session)
        for command in ('write -P 4 64k 32k', 'write -P 5 8M 8k'):
            expect(session.succeeds(command), True, 'the same write later')
    wanted = [('closed', 96 * KIB), ('closed', 8 * KIB)] + [('empty', 0)] * 6
    expect(tools.zones(place), wanted, 'zones')
    tools.io(place, 'read -P 1 0 64k', 'read -P 4 64k 32k',
             'read -P 0 96k 64k', 'read -P 5 8M 8k', 'read -P 0 8200k 64k')
    tools.check(place)
    return ''
