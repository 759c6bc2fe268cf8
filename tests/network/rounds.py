# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes are killed under load: the one that has the image, or the server.

The load, and what has to be found after it, are those of tests/crash/kill.
"""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import time

from common import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
ROOM = 128                      # MiB for the image of tests/crash/kill
LIE_ROUNDS = 3                  # after which a lie must have been found
WRITES_PER_SECOND = 700         # of what tests/crash/kill takes for a time
ENOUGH = 20                     # writes to be flushed in a round
MOMENT = 0.01                   # seconds


def load_kill():
    """tests/crash/kill, as a module."""
    path = os.path.join(os.path.dirname(HERE), 'crash', 'kill')
    loader = importlib.machinery.SourceFileLoader('kill', path)
    spec = importlib.util.spec_from_loader('kill', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


kill = load_kill()


class Round(kill.Round):
    """With as much load on fast storage as on slow: zones have room for it."""

    def __init__(self, drive, seed, storage):
        super().__init__(drive, seed)
        self.storage = storage

    def choose(self):
        return 'kill'

    def is_full(self):
        return all(zone.next == zone.end for zone in self.drive.zones.values())

    def load(self, seconds, depth):
        """Ends in the middle of writes, when some were flushed."""
        wanted = self.sent + 10 + int(seconds * WRITES_PER_SECOND)
        deadline = time.monotonic() + kill.PATIENCE
        while (self.sent < wanted and not self.is_full()) or \
                len(self.required) < ENOUGH:
            super().load(MOMENT, depth)
            if time.monotonic() > deadline:
                raise kill.Broken('requests do not complete')


def tell(process, command, arguments=None):
    """Has QEMU carry out a command of QMP."""
    print(json.dumps({'execute': command, 'arguments': arguments or {}}),
          file=process.stdin, flush=True)
    for line in process.stdout:
        if 'return' in json.loads(line):
            break


class QemuRound(Round):
    """QEMU has the image, instead of the storage daemon."""

    def launch(self, path):
        process = subprocess.Popen(
            [os.path.join(self.drive.tools, 'qemu-system-x86_64'), '-machine',
             'none', '-nodefaults', '-display', 'none', '-qmp', 'stdio',
             '-blockdev', self.drive.blockdev()], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        address = {'type': 'unix', 'data': {'path': path}}
        try:
            tell(process, 'qmp_capabilities')
            tell(process, 'nbd-server-start', {'addr': address})
            tell(process, 'block-export-add', {
                'type': 'nbd', 'id': 'export', 'node-name': 'zones',
                'name': 'zones', 'writable': True})
        except BrokenPipeError:
            process.wait()      # as whoever connects will see
        return process

    def stop(self):
        super().stop()
        if self.daemon:
            self.daemon.communicate()


class RestRound(Round):
    """SIGKILL after a rest: all has been stored, and others see it before."""

    def choose(self):
        return 'rest'


class ServerRound(Round):
    """The server dies in the middle of the load, and is there again."""

    def choose(self):
        return self.random.choice(('kill', 'term'))

    def load(self, seconds, depth):
        super().load(seconds, depth)
        self.storage.kill()
        kill.Round.load(self, 10 * MOMENT, depth)
        before = len(self.acked)
        self.storage.start()
        super().load(seconds, depth)
        self.drain()
        if len(self.acked) == before:
            raise kill.Broken('the load does not go on')


class ErrorRound(Round):
    """The server dies, requests fail; who has sent them is killed, too."""

    def __init__(self, drive, seed, storage):
        super().__init__(drive, seed, storage)
        self.errors = 0

    def receive(self):
        try:
            super().receive()
        except kill.Broken:
            self.errors += 1

    def load(self, seconds, depth):
        super().load(seconds, depth)
        if self.errors:
            raise kill.Broken('a request fails while the server is there')
        self.storage.kill()
        deadline = time.monotonic() + kill.PATIENCE
        while not self.errors and time.monotonic() < deadline:
            kill.Round.load(self, 10 * MOMENT, depth)
        if not self.errors:
            raise kill.Broken('nothing fails, and nobody serves')

    def end(self, kind):
        super().end(kind)
        self.storage.start()


class PowerRound(ErrorRound):
    """Both die at once, and what the server had in its cache is lost."""

    def load(self, seconds, depth):
        Round.load(self, seconds, depth)
        self.storage.kill()


def make_drive(storage, job, patient=False):
    place = storage.place(ROOM)
    if patient:
        place = storage.patient(place)
    return kill.Drive(job.tools.directory, job.directory, place.image,
                      place.storage)


def play(storage, job, drive, kinds, count):
    """So many rounds, of each kind in turn."""
    for number in range(count):
        seed, kind = job.seed + number, kinds[number % len(kinds)]
        try:
            what = kill.play(
                drive, seed, lambda *args, kind=kind: kind(*args, storage))
        except (kill.Broken, OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f'round {number + 1}, seed {seed}: {error}') \
                from error
        job.note(f'seed {seed}: {what}')
    return f'{count} rounds'


def users(storage, job):
    """SIGKILL for the process that has the image."""
    drive = make_drive(storage, job)
    return play(storage, job, drive, (RestRound, QemuRound, Round), job.kills)


def servers(storage, job):
    """SIGKILL for the server: requests wait for the next one."""
    drive = make_drive(storage, job, patient=True)
    return play(storage, job, drive, (ServerRound,), -(-job.kills // 2))


def errors(storage, job):
    """SIGKILL for the server: requests fail."""
    drive = make_drive(storage, job)
    return play(storage, job, drive, (ErrorRound,), -(-job.kills // 2))


def power(storage, job):
    """SIGKILL for both, and only what was flushed is in the file."""
    storage.cache = 'writeback'
    try:
        drive = make_drive(storage, job)
        return play(storage, job, drive, (PowerRound,), job.kills)
    finally:
        storage.cache = None


def lie(storage, job):
    """The same with a server that ignores flushes: that has to be found."""
    drive = make_drive(storage, job)
    storage.close()
    storage.cache = 'unsafe'
    storage.start()
    try:
        play(storage, job, drive, (PowerRound,), LIE_ROUNDS)
    except Failed as error:
        if ': C1: ' not in str(error):
            raise
        return str(error)
    finally:
        storage.cache = None
    raise Failed('nothing that was flushed is lost')
