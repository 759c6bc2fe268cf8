# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU is killed while a filesystem of a guest is at work.

The guest writes files, and says of each when fsync has returned, with length
and checksum, and before it touches one again.  After a number of files that a
seed decides, and a moment more, QEMU gets SIGKILL; for a cut of the power the
zones lose first what is not durable (block-zone-power-cut).  The next guest
must find every file that was said to be durable, and the program that checks
the filesystem nothing to repair, and then works on.

ROUNDS is how many times that happens (1), SEED what decides.  The same seed
gives the same numbers; what QEMU is doing then is up to the machine.
"""
import json
import os
import random
import signal
import subprocess
import tempfile
import time

import client
import guest
import mover
from guest import QEMU_IMG, GuestError

FILES = (5, 60)                 # at least, less than
MOMENT_SECONDS = 0.3


class Records(guest.Records):
    """Knows what is durable: {name: (checksum, length)}."""

    def __init__(self, talk, durable):
        super().__init__(talk)
        self.durable = dict(durable)
        self.count = 0
        # What comes behind a cut may be lost, and a guest that writes on at
        # a write pointer which is gone may fail.
        self.is_cut = False

    def take_changing(self, name):
        self.durable.pop(name, None)

    def take_fail(self, text):
        if not self.is_cut:
            super().take_fail(text)

    def take_done(self, text):
        if not self.is_cut:
            super().take_done(text)

    def take_synced(self, text):
        checksum, length, name = text.split()
        if not self.is_cut:
            self.durable[name] = checksum, length
            self.count += 1


class Boot(client.ClientBoot):
    """One that is not to end by itself, but after `count` files"""

    def __init__(self, run, number, phases, durable, rng):
        super().__init__(run, number, phases, kept(durable))
        self.records = Records(run.talk, durable)
        self.count = rng.randrange(*FILES)
        self.moment = rng.uniform(0, MOMENT_SECONDS)
        self.deadline = None
        self.drives = run.zoned_drives() if run.variant in client.CUT else []
        self.monitor = mover.Server(run.socket) if self.drives else None
        self.was_killed = False

    def take(self, line):
        super().take(line)
        if self.records.count >= self.count and not self.deadline:
            if self.monitor:
                self.monitor.accept()
            self.deadline = time.monotonic() + self.moment

    def is_to_be_struck(self):
        """Not one that has failed: it powers off, and its reason counts"""
        return self.deadline is not None and not self.was_killed and \
            not self.records.failures

    def patience(self):
        if not self.is_to_be_struck():
            return super().patience()
        return max(0, self.deadline - time.monotonic())

    def idle(self):
        """Strikes when all that the guest has said so far has been read"""
        super().idle()
        if self.is_to_be_struck() and not self.patience():
            self.strike()

    def strike(self):
        self.was_killed = True
        if self.monitor:
            self.records.is_cut = True
            self.monitor.commands('block-zone-power-cut', [
                {'node-name': drive} for drive in self.drives])
        self.process.kill()

    def end(self):
        super().end()
        if self.monitor:
            self.monitor.close()

    def judge(self):
        if self.records.failures or not self.was_killed:
            super().judge()
            self.give_up('the guest ended before QEMU was killed')
        # a guest that has failed after the cut powers off
        if self.process.returncode not in (
                -signal.SIGKILL, 0 if self.records.is_cut else None):
            self.give_up(f'QEMU ended with status {self.process.returncode}')


def kept(durable):
    """As a file of the guest's"""
    return {'synced': ''.join(f'{checksum} {length} {name}\n' for
                              name, (checksum, length) in durable.items())} \
        if durable else {}


def check(image):
    """Leaked clusters are all that a crash may leave; how many."""
    result = subprocess.run([QEMU_IMG, 'check', '--output=json', image],
                            text=True, check=False, capture_output=True)
    if result.returncode not in (0, 3):
        raise GuestError(f'qemu-img check {image}: {result.stdout}'
                         f'{result.stderr}')
    return json.loads(result.stdout).get('leaks', 0)


def killed(run):
    """All rounds, and a guest that looks at what the last one has left"""
    seed = int(os.environ.get('SEED') or random.randrange(1 << 32))
    rounds = int(os.environ.get('ROUNDS') or 1)
    run.talk.say(f'   SEED={seed} ROUNDS={rounds}')
    rng, durable, phases = random.Random(seed), {}, 'made loaded'
    with tempfile.TemporaryDirectory() as directory:
        for number in range(1, rounds + 1):
            run.socket = os.path.join(directory, f'qmp{number}') \
                if run.variant in client.CUT else None
            records = Boot(run, number, phases, durable, rng).run()
            durable, phases = records.durable, 'found loaded'
            leaks = sum(map(check, run.zoned_images()))
            run.talk.say(f'   killed after {records.count} files: '
                         f'{len(durable)} are durable, {leaks} clusters leak')
        run.socket = None
    if not durable:
        raise GuestError('nothing was durable')
    client.ClientBoot(run, rounds + 1, 'found', kept(durable)).run()
    for image in run.zoned_images():
        check(image)
