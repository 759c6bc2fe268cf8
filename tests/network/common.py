# SPDX-License-Identifier: GPL-2.0-or-later
"""What all tests of network storage use: tools, servers, places of images."""
import json
import os
import socket
import subprocess
import time
from typing import NamedTuple

PATIENCE = 60                   # seconds for what takes one or two
KIB = 1024
MIB = 1024 * KIB


class Failed(Exception):
    """What did not work, as a person should read it."""


class Place(NamedTuple):
    """Where an image lies: as qemu-img names it, and as --blockdev does."""

    image: str
    storage: str

    def node(self, *options):
        """Options of a node of the image, with more of them."""
        return ','.join(['driver=qcow2', *options, *(
            f'file.{word}' for word in self.storage.split(','))])


def local(path):
    """The place of a file."""
    return Place(path, f'driver=file,filename={path}')


def run(argv, good=(0,), **kwargs):
    """What a command prints; fails with the end of it."""
    try:
        result = subprocess.run(
            argv, text=True, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=2 * PATIENCE, **kwargs)
    except subprocess.TimeoutExpired as error:
        raise Failed(f'{" ".join(argv)}: hangs') from error
    if result.returncode not in good:
        raise Failed(f'{" ".join(argv)}: exit status {result.returncode}: '
                     f'{result.stdout.strip()[-500:]}')
    return result.stdout


class Tools:
    """The programs of a build."""

    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        path = os.path.join(self.directory, name)
        inner = os.path.join(self.directory, 'storage-daemon', name)
        return inner if os.path.exists(inner) else path

    def has_driver(self, name):
        """Whether images can lie there."""
        said = self.img('info', '--image-opts', f'driver={name}', good=(1,))
        return 'Unknown driver' not in said

    def img(self, *args, good=(0,)):
        return run([self.path('qemu-img'), *args], good)

    def io(self, place, *commands, options=(), good=(0,)):
        """A process of its own that does all of the commands."""
        words = [word for command in commands for word in ('-c', command)]
        return run([self.path('qemu-io'), *words, '--image-opts',
                    place.node(*options)], good)

    def zones(self, place):
        """[(state, bytes written)] as the image stores them."""
        found = json.loads(self.img('zones', '-U', '--output=json', '-f',
                                    'qcow2', place.image))
        return zone_states(found['zones'])

    def check(self, place):
        """What qemu-img check says of an image in which all is well."""
        return json.loads(self.img('check', '-f', 'qcow2', '--output=json',
                                   place.image))

    def length(self, place):
        """Of the storage."""
        return json.loads(self.img('info', '-U', '-f', 'raw', '--output=json',
                                   place.image))['virtual-size']


def zone_states(zones):
    """What two reports of the same zones have in common."""
    return [(zone['state'], zone['wp'] - zone['start'] if 'wp' in zone
             else None) for zone in zones]


class Server:
    """A program that serves, until it is stopped or killed."""

    def __init__(self, argv, log, env=None):
        self.name, self.log = os.path.basename(argv[0]), log
        with open(log, 'ab') as output:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=env)

    def tail(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return log.read().strip()[-500:]

    def wait_until(self, ready):
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None:
                raise Failed(f'{self.name} ended with status '
                             f'{self.process.returncode}: {self.tail()}')
            if time.monotonic() > deadline:
                self.kill()
                raise Failed(f'{self.name} is not ready in {PATIENCE} s: '
                             f'{self.tail()}')
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()


def answers(address):
    """Whether somebody listens at a path or (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Storage:
    """Where images can lie, and the server behind it; see the subclasses.

    is_fixed: its images have the length that they were given
    can_wait: requests can wait for the next server
    can_fail: they can fail when the server is dead
    """

    name = ''
    is_fixed = False
    can_wait = True
    can_fail = False

    def __init__(self, tools, directory):
        self.tools, self.directory = tools, directory
        self.server = None
        self.count = 0

    def next_name(self):
        self.count += 1
        return f'image{self.count}'

    def missing(self):
        """Why it cannot be had here, or None."""

    def open(self):
        """What all of its images need."""

    def place(self, megabytes):
        """The place for a new image; the former one is left."""
        raise NotImplementedError

    def patient(self, place):
        """With options that have a dead server waited for."""
        return place

    def real_length(self, place):
        """What others than QEMU say of the image's length, if not is_fixed."""

    def judge(self):
        """What the server has seen, in words; fails if that is wrong."""
        return ''

    def start(self):
        """Lets the server serve what it has served before."""
        raise NotImplementedError

    def kill(self):
        self.server.kill()

    def close(self):
        if self.server:
            self.server.stop()
            self.server = None
