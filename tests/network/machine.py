# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU that has an image as the drive of a zoned namespace.

No guest runs in it: that the device finds the zones is what -drive and
-blockdev are tried for.
"""
import contextlib
import json
import subprocess
import threading

from common import PATIENCE, Failed, zone_states
from life import ROOM, create, expect

NODE = 'nvmezns0'
MACHINE = ('-machine', 'q35', '-accel', 'tcg', '-m', '64M', '-nodefaults',
           '-display', 'none', '-S', '-qmp', 'stdio')
DEVICE = ('-device', 'nvme,id=nvme0,serial=zns0',
          '-device', f'nvme-ns,drive={NODE},bus=nvme0,nsid=1')


class Machine:
    def __init__(self, tools, options):
        self.process = subprocess.Popen(
            [tools.path('qemu-system-x86_64'), *MACHINE, *options, *DEVICE],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        # what hangs is killed, and ends the stream that is read
        self.timer = threading.Timer(PATIENCE, self.process.kill)
        self.timer.start()

    def kill(self):
        self.timer.cancel()
        self.process.kill()
        self.process.communicate()

    def command(self, name, **arguments):
        try:
            print(json.dumps({'execute': name, 'arguments': arguments}),
                  file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass
        for line in self.process.stdout:
            answer = json.loads(line)
            if 'error' in answer:
                raise Failed(f'{name}: {answer["error"]["desc"]}')
            if 'return' in answer:
                return answer['return']
        raise Failed(f'QEMU ended with status {self.process.wait()}: '
                     f'{self.process.stderr.read().strip()}')

    def zones(self):
        return zone_states(self.command('query-block-zones',
                                        **{'node-name': NODE})['zones'])

    def quit(self):
        self.command('quit')
        expect(self.process.wait(PATIENCE), 0, 'exit status of QEMU')


@contextlib.contextmanager
def running(tools, *options):
    """A machine, which is killed if nobody has it quit before."""
    machine = Machine(tools, options)
    try:
        machine.command('qmp_capabilities')
        yield machine
    finally:
        machine.kill()


def use(storage, job):
    """-drive, and a clean exit; -blockdev, SIGKILL, and once more."""
    tools, place = job.tools, storage.place(ROOM)
    create(tools, place)
    tools.io(place, 'write 0 6M', 'write 8M 300k', 'zone_append -p 16M 4k')
    wanted = tools.zones(place)
    expect([state for state, _ in wanted[:4]],
           ['full', 'closed', 'closed', 'empty'], 'zones')
    with running(tools, '-drive', f'file={place.image},id={NODE},'
                 'format=qcow2,if=none') as machine:
        expect(machine.zones(), wanted, 'zones of -drive')
        machine.quit()
    blockdev = '-blockdev', place.node(f'node-name={NODE}')
    with running(tools, *blockdev) as machine:
        expect(machine.zones(), wanted, 'zones of -blockdev')
        expect(tools.zones(place), wanted, 'zones, for others meanwhile')
    with running(tools, *blockdev) as machine:
        expect(machine.zones(), wanted, 'zones after SIGKILL')
        machine.quit()
    tools.check(place)
    return ''
