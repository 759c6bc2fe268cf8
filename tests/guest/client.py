# SPDX-License-Identifier: GPL-2.0-or-later
"""Client jobs: programs that nobody here wrote, on a drive of ours.

A job is jobs/NAME.sh, which says what it shows, and in lines "#: KEY WORDS"
what it needs:

  with      a script that it shares with other jobs, NAME.sh beside client.sh
  programs  from Debian's packages (toolbox.py)
  newer     programs of a newer release of Debian
  release   that the kernel is from: no older one will do
  modules   of the guest's kernel, besides nvme; with ? those that only some
            kernels have
  kernel    full, if the cloud kernel will not do
  drive     the zoned drive, namespace 1 (geometry.py)
  namespace NUMBER of another one, and what it is, also in several lines
  disk      the size of another disk, without zones, of serial "plain"
  scsi      a host-managed SCSI disk, besides (geometry.py)
  virtio    the same on virtio-blk, of serial "zones"
  uses      NVMe commands that the drive must have seen
  crashing  the same in the variants killed and cut, if others
  volatile  more properties of nvme-ns for the volatile variant
  between   between the phases, a QMP command for the image of another
            namespace: its number, the command, its arguments
  starting  the same for the device, when QEMU starts for the second phase
  variants  those of the default set (persistent volatile)
  reference what a failure is compared with (null_blk base)
"""
import glob
import importlib
import json
import os
import re
import tempfile

import fetcher
import geometry
import guest
import mover
import story
import toolbox
import zones
from guest import HERE, IMAGES, LOGS, QEMU_IMG, STORAGE_DAEMON, GuestError, \
    run_tool

JOBS = os.path.join(HERE, 'jobs')
VARIANTS = {
    'persistent': 'a zoned image; QEMU is restarted between the phases',
    'forked': 'the same, and the second phase on two overlays of the image, on '
              'the image that one is committed to, and on a snapshot of it',
    'moved': 'a zoned image, which goes from image to image, by all jobs that '
             'QEMU has, while the guest is at work',
    'killed': 'QEMU gets SIGKILL under load, ROUNDS times (1); what was '
              'fsynced is there',
    'cut': 'the same, and before that the drive loses what is not durable',
    'volatile': 'zoned=on over a plain image; both phases in one boot',
    'null_blk': 'the kernel\'s own zoned drive, as a reference',
    'base': 'zoned=on in the QEMU that BASE_QEMU names, as a reference',
    'lost': 'zoned=on, restarted: the zones are gone, and the job must fail',
    'unflushed': 'cut, and fsync of the guest\'s btrfs does not flush: it must '
                 'fail',
}
DEFAULT_VARIANTS = ['persistent', 'volatile']
ZONED_IMAGE = ('persistent', 'forked', 'moved', 'killed', 'cut', 'unflushed')
KILLED = ('killed', 'cut')
CUT = ('cut', 'unflushed')
REFERENCES = ['null_blk', 'base']
BASE_QEMU = os.environ.get('BASE_QEMU')
TIMEOUT_SECONDS = 300
COMMAND = re.compile(r"pci_nvme_io_cmd .* opname 'NVME_(\w+)'")
HEADER = re.compile(r'^#: (\w+) +(.*)$', re.M)
KEYS = ('with', 'programs', 'newer', 'release', 'modules', 'kernel', 'drive',
        'namespace', 'disk', 'scsi', 'virtio', 'uses', 'crashing', 'volatile',
        'between', 'starting', 'variants', 'reference')
ZONED_DISKS = ('scsi', 'virtio')


def names():
    return sorted(os.path.basename(path)[:-len('.sh')]
                  for path in glob.glob(os.path.join(JOBS, '*.sh')))


def arguments_of(words):
    """Of a QMP command."""
    return {key: json.loads(value)
            for key, value in (word.split('=') for word in words)}


class Job:
    """What a job's header says."""

    def __init__(self, name, directory='jobs'):
        self.name = name
        self.text = guest.script(os.path.join(directory, f'{name}.sh'))
        self.needs = {}
        for key, words in HEADER.findall(self.text):
            self.needs.setdefault(key, []).extend(words.split())
        unknown = set(self.needs) - set(KEYS)
        if unknown:
            raise GuestError(f'job {name}: unknown {sorted(unknown)}')
        self.geometry = geometry.Geometry(
            name, geometry.parse_words(self.needs['drive']))
        self.namespaces = geometry.parse_namespaces(
            name, self.needs.get('namespace', []))
        self.zoned_disks = {
            key: geometry.Geometry(name, geometry.parse_words(self.needs[key]))
            for key in ZONED_DISKS if key in self.needs}
        self.kernel = self.needs.get('kernel', ['cloud'])[0]
        self.release = self.needs.get('release', [None])[0]
        self.references = self.needs.get('reference', REFERENCES)
        self.variants = self.needs.get('variants', DEFAULT_VARIANTS)
        self.can_be_killed = re.search(r'^mount_filesystem\(\)|^use_\w+fs\b',
                                       self.text, re.M) is not None
        if not self.can_be_killed and set(self.variants) & set(KILLED):
            raise GuestError(f'job {name}: it has no mount_filesystem()')

    def title(self):
        """The first sentence of its comment, up to the colon."""
        return re.search(r'^#\n# ([^:.,]+)', self.text, re.M)[1]

    def script(self):
        shared = [guest.script(f'{name}.sh')
                  for name in self.needs.get('with', [])]
        return ''.join([*shared, self.text])

    def in_memory(self):
        """Properties of nvme-ns for zones in memory."""
        return self.geometry.in_memory() + ''.join(
            ',' + word for word in self.needs.get('volatile', []))

    def null_blk(self):
        """Parameters of the module."""
        drive = self.geometry
        opened, active, _ = drive.limits()
        return (f'gb={drive.total_mib // 1024} memory_backed=1 zoned=1 '
                f'bs={drive.get("lba", "512")} '
                f'zone_size={drive.mib("zone_size")} '
                f'zone_capacity={drive.capacity_mib} '
                f'zone_max_open={opened} zone_max_active={active}')

    def modules(self, variant):
        drive = 'null_blk' if variant == 'null_blk' else 'nvme'
        disk = ['virtio_pci', 'virtio_blk'] \
            if {'disk', 'virtio'} & self.needs.keys() else []
        scsi = ['sd_mod'] if 'scsi' in self.needs else []
        if scsi and 'hba' not in self.zoned_disks['scsi']:
            scsi = ['virtio_pci', 'virtio_scsi', *scsi]
        return [drive, *disk, *scsi, *self.needs.get('modules', [])]


class ClientBoot(guest.Boot):
    """A boot that carries out phases of a job."""

    def __init__(self, run, number, phases, kept):
        super().__init__(f'{run.title}-{number}', run.options(), None,
                         run.talk)
        if run.variant == 'base':
            if not BASE_QEMU:
                raise GuestError('BASE_QEMU does not name a QEMU')
            self.qemu = BASE_QEMU
        self.timeout = float(os.environ.get('GUEST_TIMEOUT', TIMEOUT_SECONDS))
        self.job, self.variant = run.job, run.variant
        self.release, self.nsid = run.release, run.nsid
        self.phases, self.kept = phases, kept

    def settings(self):
        drive = 'nullb0' if self.variant == 'null_blk' else 'nvme0n1'
        extended = '-e' if 'extension' in self.job.geometry else ''
        return (f'VARIANT={self.variant}\nPHASES="{self.phases}"\n'
                f'DRIVE=/dev/{drive}\nNSID={self.nsid}\nEXTENDED={extended}\n'
                f'NULL_BLK="{self.job.null_blk()}"\n')

    def prepare(self, initrd):
        initramfs = guest.prepare_initramfs(self.talk)
        box = toolbox.Toolbox(self.job.kernel, self.talk, self.release)
        name = self.job.name
        if box.release != fetcher.OWN_RELEASE:
            name += f'-{box.release}'
        if self.variant == 'null_blk':
            name += '-null_blk'
        tools = box.archive(name, self.job.needs['programs'],
                            self.job.needs.get('newer', []),
                            self.job.modules(self.variant))
        files = {'job.sh': guest.script('client.sh'),
                 'before.sh': guest.script('client-before.sh'),
                 'records.sh': guest.script('records.sh'),
                 'client-job.sh': self.job.script(),
                 'settings': self.settings()}
        files.update({f'kept/{key}': text for key, text in self.kept.items()})
        guest.make_initrd(initrd, [initramfs, tools], files)
        return box.kernel


class Run:
    """One variant of one job, under the kernel of a release"""

    def __init__(self, job, variant, talk, release=None):
        self.job, self.variant, self.talk = job, variant, talk
        self.release = release or job.release
        self.nsid = '' if variant == 'null_blk' else '1'
        self.title = f'{job.name}-{release or variant}'
        self.image = os.path.join(IMAGES, self.title + '.qcow2')
        self.disk = os.path.join(IMAGES, self.title + '-plain.qcow2')
        # {key in the header, and name in the monitor: path}
        self.zoned_disks = {
            key: os.path.join(IMAGES, f'{self.title}-{key}.qcow2')
            for key in job.zoned_disks}
        self.socket, self.made, self.backups = None, [], []

    def more_images(self):
        """{number: path} of further namespaces."""
        return {number: os.path.join(IMAGES, f'{self.title}-{number}.qcow2')
                for number in self.job.namespaces}

    def creation(self, drive):
        return drive.creation() if self.variant in ZONED_IMAGE \
            else drive.plain_creation()

    def create(self):
        os.makedirs(IMAGES, exist_ok=True)
        run_tool([QEMU_IMG, 'create', '-f', 'qcow2', self.image, '-o',
                  self.creation(self.job.geometry)])
        for number, path in self.more_images().items():
            run_tool([QEMU_IMG, 'create', '-f', 'qcow2', path, '-o',
                      self.creation(self.job.namespaces[number])])
        if 'disk' in self.job.needs:
            run_tool([QEMU_IMG, 'create', '-f', 'qcow2', self.disk,
                      *self.job.needs['disk']])
        for key, path in self.zoned_disks.items():
            run_tool([QEMU_IMG, 'create', '-f', 'qcow2', path, '-o',
                      self.job.zoned_disks[key].creation()])

    def drive_name(self):
        return 'drive0' if self.variant == 'moved' else 'zns'

    def zone_options(self):
        """Of a zoned image; what is cut has nothing but what was flushed"""
        return ',zone-commit-interval=0' if self.variant in CUT else ''

    def drive(self):
        if self.variant != 'moved':
            return ['-drive', f'file={self.image},id=zns,format=qcow2,if=none'
                    + self.zone_options()]
        return ['-blockdev', 'driver=qcow2,node-name=drive0,file.driver=file,'
                f'file.filename={self.image}']

    def more_options(self):
        buses = {drive.bus for drive in self.job.namespaces.values()}
        options = [word for bus in sorted(buses - {'nvme0'})
                   for word in ('-device', f'nvme,id={bus},serial={bus}')]
        for number, path in self.more_images().items():
            drive = self.job.namespaces[number]
            properties = drive.properties()
            if self.variant not in ZONED_IMAGE:
                properties += drive.in_memory()
            options += [
                '-drive', f'file={path},id=zns{number},format=qcow2,if=none'
                + drive.drive_options()
                + (self.zone_options() if drive.is_zoned else ''),
                '-device', f'nvme-ns,drive=zns{number},bus={drive.bus},'
                f'nsid={number}' + properties]
        return options

    def options(self):
        options = ['-qmp', f'unix:{self.socket}'] if self.socket else []
        if self.variant != 'null_blk':
            properties = self.job.geometry.properties()
            if self.variant not in ZONED_IMAGE:
                properties += self.job.in_memory()
            options += [
                '-device', 'nvme,id=nvme0,serial=zns0', *self.drive(),
                '-device',
                f'nvme-ns,drive={self.drive_name()},bus=nvme0,nsid=1'
                + properties, *self.more_options(),
                '-trace', 'pci_nvme_io_cmd']
        if 'disk' in self.job.needs:
            options += [
                '-drive', f'file={self.disk},id=plain,format=qcow2,if=none',
                '-device', 'virtio-blk-pci,drive=plain,serial=plain,'
                'logical_block_size=4096,physical_block_size=4096']
        return options + self.disk_options()

    def disk_options(self):
        options = []
        for key, path in self.zoned_disks.items():
            drive = self.job.zoned_disks[key]
            options += ['-drive', f'file={path},id={key},format=qcow2,if=none'
                        + self.zone_options()]
            if key == 'scsi':
                options += [*drive.hba(), '-trace', 'scsi_zbc_*', '-device',
                            'scsi-hd,drive=scsi,bus=hba.0,serial=smr'
                            + drive.properties()]
            else:
                options += ['-device', 'virtio-blk-pci,drive=virtio,'
                            'serial=zones' + drive.properties()]
        return options

    def boot(self, number, phases, kept):
        if self.variant == 'moved':
            return self.boot_moved(number, phases, kept)
        if 'starting' in self.job.needs and phases == 'second':
            return self.boot_told(number, phases, kept)
        return ClientBoot(self, number, phases, kept).run()

    def boot_told(self, number, phases, kept):
        which, name, *words = self.job.needs['starting']
        with tempfile.TemporaryDirectory() as directory:
            self.socket = os.path.join(directory, 'qmp')
            thread = mover.Teller(self.socket, name, {
                'node-name': f'zns{which}', **arguments_of(words)})
            thread.start()
            try:
                return ClientBoot(self, number, phases, kept).run()
            finally:
                thread.join()
                self.socket = None
                if thread.error:
                    raise thread.error

    def boot_moved(self, number, phases, kept):
        with tempfile.TemporaryDirectory() as directory:
            self.socket = os.path.join(directory, 'qmp')
            thread = mover.Mover(self.socket, self.image,
                                 self.job.geometry.creation(),
                                 f'{self.image}-{number}')
            thread.start()
            try:
                records = ClientBoot(self, number, phases, kept).run()
            finally:
                thread.join()
                self.image, self.backups = thread.image, thread.backups
                self.made += [thread.image, *thread.backups]
        if thread.error:
            raise thread.error
        kinds = sorted(set(thread.done))
        self.talk.say('   moved: ' + ', '.join(
            f'{thread.done.count(kind)} {kind}' for kind in kinds))
        if len(kinds) < len(mover.KINDS):
            raise GuestError('the guest was done before all kinds of jobs')
        for backup in self.backups:     # whole, and finished
            run_tool([QEMU_IMG, 'check', '-q', backup])
            run_tool([QEMU_IMG, 'zones', backup])
        return records

    def check_uses(self):
        seen = set()
        for trace in glob.glob(os.path.join(LOGS, self.title + '-[0-9]*.qemu')):
            with open(trace, encoding='ascii', errors='replace') as f:
                seen |= set(COMMAND.findall(f.read()))
        key = 'uses'
        if self.variant in KILLED and 'crashing' in self.job.needs:
            key = 'crashing'
        missing = set(self.job.needs[key]) - seen
        if missing:
            raise GuestError(f'the drive has seen no {sorted(missing)}')

    def zoned_images(self):
        return self.image, *self.more_images().values(), \
            *self.zoned_disks.values()

    def zoned_drives(self):
        """Their names in the monitor"""
        numbers = [number for number, drive in self.job.namespaces.items()
                   if drive.is_zoned]
        return [self.drive_name(), *(f'zns{number}' for number in numbers),
                *self.zoned_disks]

    def check_image(self):
        if self.variant in ZONED_IMAGE:
            for image in self.zoned_images():
                self.talk.say('   qemu-img check: ' + run_tool(
                    [QEMU_IMG, 'check', image]).splitlines()[0])

    def boot_first(self):
        """What it has left, and the records."""
        first = self.boot(1, 'first', {})
        self.check_image()
        return first, {name[len('kept-'):]: '\n'.join(lines) + '\n'
                       for name, lines in first.blocks.items()
                       if name.startswith('kept-')}

    def boot_second(self, number, first, kept):
        second = self.boot(number, 'second', kept)
        self.check_image()
        count = story.expect_kept(zones.parse_report(first, 'before'),
                                  zones.parse_report(second, 'after'))
        self.talk.say(f'   zone state kept: {count} zones compared')

    def restarted(self):
        """Both phases, each in a QEMU process of its own."""
        first, kept = self.boot_first()
        if 'between' in self.job.needs:
            self.command_between(*self.job.needs['between'])
        self.boot_second(2, first, kept)

    def command_between(self, number, name, *words):
        """By a storage daemon, which ends then"""
        image = self.more_images()[int(number)]
        commands = [{'execute': 'qmp_capabilities'},
                    {'execute': name,
                     'arguments': {'node-name': 'zns',
                                   **arguments_of(words)}},
                    {'execute': 'quit'}]
        answers = run_tool([
            STORAGE_DAEMON, '--blockdev', 'driver=qcow2,node-name=zns,'
            f'file.driver=file,file.filename={image}',
            '--chardev', 'stdio,id=qmp', '--monitor', 'chardev=qmp'],
            text='\n'.join(map(json.dumps, commands)))
        if '"error"' in answers:
            raise GuestError(f'{name}: {answers}')
        self.talk.say(f'   between the phases: {name}')

    def moved(self):
        """The second phase also from a backup of what the first has left"""
        first, kept = self.boot_first()
        self.boot_second(2, first, kept)
        self.image = self.backups[0]
        self.talk.say('   the backup, and the second phase once more')
        self.boot_second(3, first, kept)

    def image_zones(self):
        text = run_tool([QEMU_IMG, 'zones', '--output=json', self.image])
        return json.loads(text)['zones']

    def forked(self):
        """Each second phase finds what the first has left, and no other."""
        first, kept = self.boot_first()
        golden = self.image
        run_tool([QEMU_IMG, 'snapshot', '-c', 'first', golden])
        for number in (2, 3):
            self.image = f'{golden}.{number}'
            run_tool([QEMU_IMG, 'create', '-f', 'qcow2', '-b', golden, '-F',
                      'qcow2', self.image])
            self.boot_second(number, first, kept)
        changed = self.image_zones()
        run_tool([QEMU_IMG, 'commit', self.image])
        for number in (2, 3):
            os.unlink(f'{golden}.{number}')
        self.image = golden
        if self.image_zones() != changed:
            raise GuestError('commit has not brought the zones along')
        self.boot(4, 'second', kept)
        self.check_image()
        self.talk.say('   committed, and the second phase once more')
        run_tool([QEMU_IMG, 'snapshot', '-a', 'first', golden])
        self.boot_second(5, first, kept)

    def at_once(self):
        """Both phases in one boot; nothing changes between them."""
        records = self.boot(1, 'first second', {})
        for kind in ('blkzone', 'nvme'):
            before = records.blocks.get(f'{kind}-before')
            if before != records.blocks.get(f'{kind}-after'):
                raise GuestError('zones differ though nothing happened')
            if not before and self.variant != 'null_blk':
                raise GuestError('there is no zone report')

    def must_fail(self, attempt, pattern, otherwise):
        """For the reason of this pattern."""
        try:
            attempt()
        except GuestError as error:
            found = re.search(pattern, str(error))
            if not found:
                raise
            self.talk.say(f'   it fails, as it should: {found[1]}')
            return
        raise GuestError(otherwise)

    def killed(self):
        # it imports this file
        importlib.import_module('killer').killed(self)

    def check_release(self):
        """What the job cannot do without, and this machine may not get"""
        chosen = fetcher.chosen_release()
        if chosen not in (None, self.job.release):
            raise guest.GuestSkip(
                f'not run: KERNEL={chosen} is too old, it takes '
                f'{self.job.release}')
        try:
            fetcher.KernelFetcher(self.talk, self.job.release,
                                  self.job.kernel).fetch()
            if 'newer' in self.job.needs:
                fetcher.NewerFetcher(self.talk).fetch()
        except fetcher.Unavailable as error:
            raise guest.GuestSkip(f'not run: {error}') from error

    def run(self):
        if self.job.release:
            self.check_release()
        for log in self.logs():
            os.unlink(log)
        self.create()
        try:
            if self.variant == 'persistent':
                self.restarted()
            elif self.variant == 'moved':
                self.moved()
            elif self.variant == 'forked':
                self.forked()
            elif self.variant == 'lost':
                self.must_fail(self.restarted, 'phase second: (.*)',
                               'it passes without the state of its zones')
            elif self.variant == 'unflushed':
                self.must_fail(self.killed,
                               'phase found: (checksum of .*|mount .*)',
                               'what was not flushed is there')
            elif self.variant in KILLED:
                self.killed()
            else:
                self.at_once()
            if self.variant != 'null_blk':
                self.check_uses()
        except GuestError as error:
            if self.variant not in self.job.variants or \
                    self.variant in (*KILLED, *CUT):
                raise
            raise GuestError(f'{error}\n   {self.reference()}') from error
        finally:
            self.collect_logs()
        for path in (self.image, self.disk, *self.zoned_disks.values(),
                     *self.more_images().values(),
                     *filter(None, self.made)):
            if os.path.exists(path):
                os.unlink(path)

    def logs(self):
        return sorted(glob.glob(os.path.join(LOGS, self.title + '-[0-9]*.*')))

    def reference(self):
        """What other zoned drives make of a job that has failed."""
        texts = []
        for variant in self.job.references:
            if variant == 'base' and not BASE_QEMU:
                texts.append('not tried on QEMU without this project: name '
                             'one with BASE_QEMU')
                continue
            try:
                Run(self.job, variant, self.talk).run()
                texts.append(f'{variant}: passes')
            except GuestError as error:
                why = str(error).splitlines()[0]
                texts.append(f'{variant}: fails, too: {why}')
        return '\n   '.join(texts)

    def collect_logs(self):
        """One file with what all boots have said."""
        path = os.path.join(os.path.dirname(LOGS), f'guest-{self.title}.log')
        with open(path, 'wb') as out:
            for log in self.logs():
                out.write(f'==> {guest.short(log)}\n'.encode())
                with open(log, 'rb') as f:
                    out.write(f.read().replace(b'\r', b''))
        self.talk.say(f'   log: {guest.short(path)}')
