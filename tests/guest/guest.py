# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots guests with a drive, hands them a plan, collects what they record.

The plan and the guest's scripts reach the guest in a second archive behind
the initramfs; the records come back over the second serial port (records.sh).
Every boot leaves its raw logs in build/logs/guest.
"""
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('ZNS_BUILD') or os.path.join(ROOT, 'build')
LOGS = os.path.join(BUILD, 'logs', 'guest')
IMAGES = os.path.join(BUILD, 'guest')
# What is behind -machine, and the console
MACHINES = {'x86_64': (['q35'], 'ttyS0'),
            'aarch64': (['virt', '-cpu', 'cortex-a72'], 'ttyAMA0')}
HOST_KIND = 'x86_64'
MACHINE = os.environ.get('GUEST_MACHINE', HOST_KIND)
QEMU = os.environ.get('QEMU', os.path.join(BUILD, 'out',
                                           f'qemu-system-{MACHINE}'))
STORAGE_DAEMON = os.path.join(BUILD, 'out', 'storage-daemon',
                              'qemu-storage-daemon')
QEMU_IMG = os.environ.get('QEMU_IMG', os.path.join(BUILD, 'out', 'qemu-img'))
QEMU_IO = os.environ.get('QEMU_IO', os.path.join(BUILD, 'out', 'qemu-io'))

ENVIRONMENT = """\
environment:
  QEMU, QEMU_IMG, QEMU_IO
                    the programs to use (default: those in build/out)
  BASE_QEMU         a QEMU without this project, for the variant "base"
  QEMU_OPTIONS      more options for QEMU
  GUEST_MACHINE     x86_64, the default, or aarch64: for the tests that are no
                    client jobs
  GUEST_ACCEL       accelerator (default tcg; kvm only where it works)
  GUEST_TIMEOUT     seconds that one boot may take (default 120,
                    300 for a client job)
  KERNEL            the Debian release that the kernel is from: bookworm,
                    trixie, newest (the backports of trixie); default: that
                    of this machine, for client jobs that of the base
  GUEST_KERNEL      a kernel image to use instead of Debian's (client
                    jobs: always Debian's)
  ROUNDS            how often QEMU is killed in the variants killed and cut (1)
  SEED              when it is, and what they print
  NO_COLOR          no colours on a terminal either
"""

CONSOLE_TAIL = 15


class GuestError(Exception):
    """What went wrong, as a person should read it."""


class GuestSkip(Exception):
    """Why a test cannot be run here."""


def short(text):
    """Paths as someone in the top directory would type them."""
    return text.replace(ROOT + os.sep, '')


class Talk:
    """Text for the person who watches; colours and progress on a terminal."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.live = out.isatty()
        self.colour = self.live and 'NO_COLOR' not in os.environ
        self.pending = False

    def say(self, text='', colour=None):
        if self.pending:
            self.out.write('\r\033[K')
            self.pending = False
        if self.colour and colour:
            text = f'\033[{colour}m{text}\033[0m'
        self.out.write(text + '\n')
        self.out.flush()

    def head(self, text):
        self.say()
        self.say(f'== {text}', '1')

    def command(self, argv):
        """A command as the person could type it, broken at its options."""
        words = short(' '.join(shlex.quote(word) for word in argv))
        self.say('   $ ' + re.sub(r' (-[-a-z]+)(?= [^-])', r' \\\n       \1',
                                  words), '36')

    def good(self, text):
        self.say(text, '1;32')

    def bad(self, text):
        self.say(text, '1;31')

    def progress(self, text):
        if self.live:
            self.out.write(f'\r\033[K   {text}')
            self.out.flush()
            self.pending = True


class Records:
    """What one guest has recorded."""

    def __init__(self, talk):
        self.talk = talk
        self.kernel = None
        self.done = False
        self.failures = []
        self.blocks = {}
        self.data = {}
        self.sums = {}
        self.readback = {}
        self.refusals = {}
        self.block = None
        self.last = 'nothing'

    def take(self, line):
        match = re.match(r'@@(\w+) ?(.*)$', line)
        if not match:
            if self.block is not None:
                self.block.append(line)
            return
        kind, text = match.groups()
        self.last = line
        take = getattr(self, 'take_' + kind, None)
        if take is None:
            raise GuestError(f'the guest sent an unknown record: {line}')
        take(text)

    def take_ready(self, text):
        self.kernel = text

    def take_step(self, text):
        self.talk.say('   guest: ' + text)

    def take_fail(self, text):
        self.failures.append(text)

    def take_done(self, text):
        self.done = True
        if text != '0':
            self.failures.append(f'the job ended with status {text}')

    def take_begin(self, _name):
        self.block = []

    def take_end(self, text):
        name, count = text.split()
        found = len(self.block or [])
        if self.block is None or found != int(count):
            raise GuestError(f'block "{name}" came with {found} lines '
                             f'instead of {count}')
        self.blocks[name], self.block = self.block, None

    def take_data(self, text):
        zone, offset, kib, checksum = text.split()
        self.data[int(zone), int(offset), int(kib)] = checksum

    def take_sum(self, text):
        zone, offset, kib, checksum = text.split()
        self.sums[int(zone), int(offset), int(kib)] = checksum

    def take_readback(self, text):
        zone, offset, kib, checksum = text.split()
        self.readback[int(zone), int(offset), int(kib)] = checksum

    def take_refusal(self, text):
        """The NVMe status type and code, from what nvme-cli prints."""
        zone, _, message = text.partition(' ')
        codes = re.findall(r'\(?(0x[0-9a-f]+)\)?', message)
        status = int(codes[-1], 16) & 0x7ff if codes else None
        self.refusals.setdefault(int(zone), []).append((status, message))


def run_tool(argv, talk=None, text=''):
    """Run a short host command on a text; its output, or a GuestError."""
    try:
        result = subprocess.run(argv, input=text, text=True,
                                stdout=subprocess.PIPE, check=False,
                                stderr=None if talk else subprocess.PIPE)
    except OSError as error:
        raise GuestError(f'cannot run {argv[0]}: {error.strerror}; '
                         'build it first (make)') from error
    if result.returncode:
        raise GuestError(f'{shlex.join(argv)} failed with status '
                         f'{result.returncode}\n{result.stdout}'
                         f'{result.stderr or ""}'.rstrip())
    return result.stdout


def require_qemu():
    if not os.access(QEMU, os.X_OK):
        raise GuestError(f'no QEMU at {QEMU}: build it first (make), '
                         'or name one with QEMU=')


def prepare_initramfs(talk):
    """The archive that all guests start from; made when it is not there."""
    require_qemu()
    if MACHINE != HOST_KIND:
        raise GuestError(f'this is not for guests on {MACHINE}')
    os.makedirs(IMAGES, exist_ok=True)
    initramfs = os.path.join(IMAGES, 'initramfs.cpio')
    run_tool([os.path.join(HERE, 'build-initramfs'), initramfs], talk)
    return initramfs


def prepare(talk):
    """Kernel and initramfs; both are made only when they are not there."""
    if MACHINE != HOST_KIND:
        require_qemu()
        initramfs = os.path.join(IMAGES, f'initramfs-{MACHINE}.cpio')
        return run_tool([os.path.join(HERE, 'foreign.py'), MACHINE, initramfs],
                        talk).strip(), initramfs
    initramfs = prepare_initramfs(talk)
    kernel = run_tool([os.path.join(HERE, 'fetch-kernel')], talk).strip()
    return kernel, initramfs


def pack(root, out):
    """Append all files below a directory to a file, as a cpio archive."""
    names = []
    for directory, subdirectories, files in os.walk(root):
        names += [os.path.relpath(os.path.join(directory, name), root)
                  for name in (*subdirectories, *files)]
    archive = subprocess.run(
        ['cpio', '-o', '-H', 'newc', '-R', '0:0', '--quiet'], cwd=root,
        input='\n'.join(sorted(names)).encode(), check=True,
        stdout=subprocess.PIPE).stdout
    out.write(archive)


def make_initrd(path, archives, files):
    """What a boot gets: archives and, behind them, the job's files in /job.

    files: {name: text}
    """
    with tempfile.TemporaryDirectory(dir=IMAGES) as tree, \
            open(path, 'wb') as out:
        for name, text in files.items():
            target = os.path.join(tree, 'job', name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, 'w', encoding='ascii') as f:
                f.write(text)
        for archive in archives:
            with open(archive, 'rb') as f:
                shutil.copyfileobj(f, out)
        pack(tree, out)


def script(name):
    """The text of a script that the guest gets."""
    with open(os.path.join(HERE, name), encoding='ascii') as f:
        return f.read()


class Boot:
    """One QEMU process with one guest, from power on to power off."""

    def __init__(self, name, drive_options, plan, talk):
        self.name = name
        self.talk = talk
        self.qemu = QEMU
        self.log = os.path.join(LOGS, name)
        self.records = Records(talk)
        self.timeout = float(os.environ.get('GUEST_TIMEOUT', '120'))
        self.drive_options = drive_options
        self.plan = plan
        self.process = None
        self.started = None

    def argv(self, kernel, initrd):
        machine, console = MACHINES[MACHINE]
        return [self.qemu, '-machine', *machine,
                '-accel', os.environ.get('GUEST_ACCEL', 'tcg'),
                '-m', '512', '-nodefaults', '-display', 'none', '-no-reboot',
                *shlex.split(os.environ.get('QEMU_OPTIONS', '')),
                '-kernel', kernel, '-initrd', initrd,
                # a busy host is no reason to panic about timers
                '-append', f'console={console} quiet panic=-1 no_timer_check',
                '-serial', f'file:{self.log}.console',
                '-chardev', 'stdio,id=records,signal=off',
                '-serial', 'chardev:records', *self.drive_options]

    def prepare(self, initrd):
        """Write the archive that the guest starts from; the kernel's path."""
        kernel, initramfs = prepare(self.talk)
        make_initrd(initrd, [initramfs], {
            'job.sh': script('job.sh'), 'records.sh': script('records.sh'),
            'plan': '\n'.join(self.plan) + '\n'})
        return kernel

    def run(self):
        """Boot, carry out the plan, wait for the power off."""
        os.makedirs(LOGS, exist_ok=True)
        initrd = os.path.join(IMAGES, self.name + '.cpio')
        kernel = self.prepare(initrd)
        with open(self.log + '.qemu', 'wb') as errors, \
                open(self.log + '.records', 'wb') as raw:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                self.argv(kernel, initrd), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors)
            try:
                self.collect(raw)
                self.process.wait(timeout=max(1, self.left()))
            except subprocess.TimeoutExpired:
                self.give_up('QEMU has not exited after the guest')
            finally:
                self.end()
        os.unlink(initrd)
        self.judge()
        return self.records

    def left(self):
        return self.started + self.timeout - time.monotonic()

    def collect(self, raw):
        stream, rest = self.process.stdout.fileno(), b''
        while True:
            if self.left() <= 0:
                self.give_up(f'the guest has not finished in {self.timeout:g} s'
                             ' (GUEST_TIMEOUT)')
            if not select.select([stream], [], [], self.patience())[0]:
                self.idle()
                continue
            chunk = os.read(stream, 65536)
            if not chunk:
                return
            raw.write(chunk)
            *lines, rest = (rest + chunk).split(b'\n')
            for line in lines:
                self.take(line.decode('ascii', 'replace').rstrip('\r'))

    def take(self, line):
        was_up = self.records.kernel
        self.records.take(line)
        if not was_up and self.records.kernel:
            seconds = time.monotonic() - self.started
            self.talk.say(f'   Linux {self.records.kernel} is up after '
                          f'{seconds:.1f} s')

    def patience(self):
        """How many seconds to wait for the guest before idle()"""
        return 0.5

    def idle(self):
        seconds = time.monotonic() - self.started
        what = 'guest at work' if self.records.kernel else 'booting Linux'
        self.talk.progress(f'{what} ... {seconds:.0f} s')

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def tail(self, suffix):
        try:
            with open(self.log + suffix, encoding='ascii',
                      errors='replace') as f:
                lines = f.read().replace('\r', '').splitlines()
        except OSError:
            lines = []
        return '\n'.join('   | ' + line for line in
                         lines[-CONSOLE_TAIL:] or ['(none)'])

    def give_up(self, why):
        raise GuestError(
            f'{why}\n   last record: {self.records.last}\n'
            f'   messages of QEMU:\n{self.tail(".qemu")}\n'
            f'   last lines of the console:\n{self.tail(".console")}\n'
            f'   all of it: {short(self.log)}.console, '
            '.records, .qemu')

    def judge(self):
        if self.process.returncode:
            self.give_up(f'QEMU ended with status {self.process.returncode}')
        if self.records.failures:
            self.give_up('the guest reports: '
                         + '\n   '.join(self.records.failures))
        if not self.records.done:
            self.give_up('the guest ended before its job was done')


def leave_on_signals():
    """Make a signal unwind the stack, so that QEMU is ended with us."""
    def leave(number, _frame):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
