# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the drives of the guest tests, and what must come of it.

Expected states and write pointers are written down here by hand, so that a
drive that reports nonsense twice does not pass for one that remembers.
"""
import hashlib
import os

from guest import IMAGES, QEMU, QEMU_IMG, Boot, GuestError, run_tool
import zones

NR_ZONES = 256
CAPACITY_KIB = 48 * 1024
EXTENSION_BYTES = 64
GEOMETRY = ('zone.mode=host-managed,zone.size=64M,zone.capacity=48M,'
            'zone.max_open_zones=14,zone.max_active_zones=28,'
            f'zd_extension_size={EXTENSION_BYTES}')
VOLATILE = ('zoned=on,zoned.zone_size=64M,zoned.zone_capacity=48M,'
            'zoned.max_open=14,zoned.max_active=28,'
            f'zoned.descr_ext_size={EXTENSION_BYTES}')

# NVMe status type 1 (command specific) and code
ZONE_IS_FULL = 0x1b9
ZONE_INVALID_WRITE = 0x1bc
TOO_MANY_ACTIVE = 0x1bd
TOO_MANY_OPEN = 0x1be

BLANK_KIB = 64
DIFFERENCES_SHOWN = 16


def label(zone):
    return f'descriptor extension of zone {zone}, kept by the image'


# zone, what is done to it, its state then, KiB below its write pointer then
# (no write pointer is reported for a full zone)
STORY = [
    (0, ['write 0 64'], zones.IMPLICIT, 64),
    (1, ['write 1 1024'], zones.IMPLICIT, 1024),
    (2, ['append 2 192'], zones.IMPLICIT, 192),
    (3, ['open 3', 'write 3 256'], zones.EXPLICIT, 256),
    (4, ['open 4'], zones.EXPLICIT, 0),
    (5, ['write 5 512', 'append 5 64', 'close 5'], zones.CLOSED, 576),
    (6, ['write 6 128', 'finish 6'], zones.FULL, None),
    (7, [f'write 7 {CAPACITY_KIB}'], zones.FULL, None),
    (8, [f'describe 8 {label(8)}'], zones.CLOSED, 0),
    (9, ['write 9 192', 'reset 9'], zones.EMPTY, 0),
    (10, [f'describe 10 {label(10)}', 'append 10 128'], zones.IMPLICIT, 128),
    (11, [f'describe 11 {label(11)}', 'open 11'], zones.EXPLICIT, 0),
    (255, ['append 255 64'], zones.IMPLICIT, 64),
]
LABELLED = (8, 10, 11)
# zone, offset in KiB of a write that must be refused, and how
REFUSED = [(1, 1028, ZONE_INVALID_WRITE), (7, 0, ZONE_IS_FULL)]
# zone, offset in KiB of a stretch that must read as zeros: at the write
# pointer, in a zone that was reset, above a zone's capacity
BLANK = [(0, 64), (1, 1024), (4, 0), (5, 576), (6, 128), (9, 0), (9, 128),
         (7, CAPACITY_KIB), (100, 0)]

# The second guest writes on where the first one stopped.
SEQUEL = [
    (1, ['write 1 64'], zones.IMPLICIT, 1088),
    (5, ['append 5 64'], zones.IMPLICIT, 640),
    (8, ['write 8 64'], zones.IMPLICIT, 64),
]


class Drive:
    """An image and the options that make it a drive of a guest."""

    def __init__(self, name, creation, properties):
        self.name = name
        self.image = os.path.join(IMAGES, name + '.qcow2')
        self.creation = creation
        self.properties = properties

    def create_argv(self):
        return [QEMU_IMG, 'create', '-f', 'qcow2', self.image,
                '-o', self.creation]

    def create(self):
        os.makedirs(IMAGES, exist_ok=True)
        if os.path.exists(self.image):
            os.unlink(self.image)
        return run_tool(self.create_argv())

    def check(self):
        """qemu-img check; an error or a leak raises."""
        return run_tool([QEMU_IMG, 'check', self.image]).splitlines()[0]

    def options(self):
        return ['-device', 'nvme,id=nvme0,serial=zns0',
                '-drive', f'file={self.image},id=nvmezns0,format=qcow2,if=none',
                '-device', 'nvme-ns,drive=nvmezns0,bus=nvme0,nsid=1'
                + self.properties]

    def boot(self, name, plan, talk):
        return Boot(f'{self.name}-{name}', self.options(), plan, talk).run()

    def command(self):
        return [QEMU, '...', *self.options()]


def persistent_drive(name):
    return Drive(name, 'size=16G,' + GEOMETRY, '')


def volatile_drive(name):
    return Drive(name, 'size=16G', ',' + VOLATILE)


def in_words(line):
    verb, _zone, *rest = line.split(maxsplit=2)
    if verb in ('write', 'append'):
        kib = int(rest[0])
        return f'{verb} {kib} KiB' if kib < 1024 else f'{verb} {kib >> 10} MiB'
    return 'set descriptor extension' if verb == 'describe' else verb


def chapter_plan(chapter):
    plan = []
    for zone, lines, _state, _kib in chapter:
        words = ', '.join(in_words(line) for line in lines)
        plan += [f'note zone {zone}: {words}', *lines]
    return plan


def first_plan():
    plan = chapter_plan(STORY)
    plan.append('note two writes to be refused: off the write pointer, '
                'to a full zone')
    plan += [f'refused {zone} {kib}' for zone, kib, _ in REFUSED]
    return plan + ['report first']


def second_plan(data):
    """Report before anything is touched, then read everything, write on."""
    plan = ['report second', 'note reading all data back']
    plan += [f'sum {zone} {offset} {kib}' for zone, offset, kib in data]
    plan += [f'sum {zone} {offset} {BLANK_KIB}' for zone, offset in BLANK]
    plan.append('note writing on at the write pointers')
    return plan + chapter_plan(SEQUEL) + ['report third', 'readback']


def zeros_checksum(kib):
    return hashlib.sha256(bytes(kib * 1024)).hexdigest()


def expect_story(report, chapter):
    """The report shows what the chapter has done."""
    wrong = []
    for idx, _lines, state, kib in chapter:
        zone = report[idx]
        if zone.state != state or kib not in (None, zone.written_kib):
            wrong.append(f'zone {idx} should be {state}'
                         + (f' with {kib} KiB' if kib is not None else '')
                         + f', but is:\n      {zone.lines[0]}')
    if wrong:
        raise GuestError('\n   '.join(wrong))


def expect_untouched(report, touched):
    """Every other zone is Empty."""
    wrong = [zone.lines[0] for zone in report
             if zone.idx not in touched and zone.state != zones.EMPTY]
    if wrong:
        raise GuestError('zones that nobody touched are not Empty:\n      '
                         + '\n      '.join(wrong))


def expect_labels(report):
    for idx in LABELLED:
        wanted = label(idx).ljust(EXTENSION_BYTES).encode()
        if report[idx].extension != wanted:
            raise GuestError(f'zone {idx}: descriptor extension should be '
                             f'{wanted}, is {report[idx].extension}')


def expect_refusals(records, refused):
    wrong = []
    for zone, _kib, status in refused:
        got = records.refusals.get(zone, [(None, 'was never tried')])
        if [code for code, _ in got] != [status]:
            wrong.append(f'zone {zone}: the refusal should be status '
                         f'{status:#x}, is: {got[0][1]}')
    if wrong:
        raise GuestError('\n   '.join(wrong))


def expect_first(records):
    """All that the first guest must have seen; its report."""
    report = zones.parse_report(records, 'first')
    if len(report) != NR_ZONES:
        raise GuestError(f'{len(report)} zones instead of {NR_ZONES}')
    expect_story(report, STORY)
    expect_untouched(report, {idx for idx, *_ in STORY})
    expect_labels(report)
    expect_refusals(records, REFUSED)
    return report


def expected_sums(data):
    """What each stretch must read as: its data, or zeros after a reset."""
    was_reset = {idx for idx, _, state, _ in STORY if state == zones.EMPTY}
    sums = {key: zeros_checksum(key[2]) if key[0] in was_reset else checksum
            for key, checksum in data.items()}
    for zone, offset in BLANK:
        sums[zone, offset, BLANK_KIB] = zeros_checksum(BLANK_KIB)
    return sums


def expect_data(sums, expected):
    """Checksums of what was read; says which stretch is wrong."""
    wrong = [f'zone {zone}, {kib} KiB at {offset} KiB: checksum differs'
             for (zone, offset, kib), checksum in expected.items()
             if sums.get((zone, offset, kib)) != checksum]
    if wrong or not expected:
        raise GuestError('\n   '.join(wrong) or 'no data to compare')
    return sum(kib for _, _, kib in expected)


def expect_sequel(records):
    """The drive takes writes where the first guest stopped."""
    report = zones.parse_report(records, 'third')
    expect_story(report, SEQUEL)
    expect_labels(report)
    expect_data(records.readback, records.data)


def expect_kept(before, after):
    """Every zone as before, but for what a power cycle does to it."""
    differences = zones.compare(before, after)
    if differences:
        texts = list(differences.values())
        more = len(texts) - DIFFERENCES_SHOWN
        if more > 0:
            texts[DIFFERENCES_SHOWN:] = [f'(and {more} more)']
        raise GuestError(f'{len(differences)} of {len(before)} zones differ '
                         'after the restart:\n   ' + '\n   '.join(texts))
    return len(before)
