# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones as a guest reports them, and what a power cycle may change in them."""
import re

from guest import GuestError

EMPTY, IMPLICIT, EXPLICIT, CLOSED = (
    'Empty', 'Implicitly Opened', 'Explicitly Opened', 'Closed')
READ_ONLY, FULL, OFFLINE = 'Read Only', 'Full', 'Offline'

NVME_STATES = {0x1: EMPTY, 0x2: IMPLICIT, 0x3: EXPLICIT, 0x4: CLOSED,
               0xd: READ_ONLY, 0xe: FULL, 0xf: OFFLINE}
BLKZONE_STATES = {'em': EMPTY, 'oi': IMPLICIT, 'oe': EXPLICIT, 'cl': CLOSED,
                  'ro': READ_ONLY, 'fu': FULL, 'of': OFFLINE}
ATTR_EXTENSION_VALID = 0x80

BLKZONE_LINE = re.compile(
    r'\s*start: (?P<start>0x\w+), len (?P<length>0x\w+), '
    r'cap (?P<capacity>0x\w+), wptr (?P<wp>0x\w+) reset:(?P<reset>\d) '
    r'non-seq:(?P<non_seq>\d), zcond:\s*\d+\((?P<state>\w+)\) '
    r'\[type: (?P<type>\d+)')
NVME_LINE = re.compile(
    r'SLBA: (?P<start>\w+)\s+WP: (?P<wp>\w+)\s+Cap: (?P<capacity>\w+)\s+'
    r'State: (?P<state>\w+)\s+Type: (?P<type>\w+)\s+Attrs: (?P<attrs>\w+)')
HEX_LINE = re.compile(r'[0-9a-f]{4,}: ((?:[0-9a-f]{2} )+)')


class Zone:
    """One zone of one report of the drive, as both programs show it."""

    def __init__(self, idx, blkzone_line, nvme_line, extension):
        self.idx = idx
        self.lines = [blkzone_line.strip(), nvme_line.strip()]
        self.blkzone = self.fields(BLKZONE_LINE, blkzone_line)
        self.nvme = self.fields(NVME_LINE, nvme_line)
        self.extension = extension
        self.state = NVME_STATES.get(int(self.nvme.pop('state'), 0) >> 4)
        state = BLKZONE_STATES.get(self.blkzone.pop('state'))
        if self.state is None or self.state != state:
            raise GuestError(f'zone {idx}: blkzone and nvme do not agree\n   '
                             + '\n   '.join(self.lines))

    def fields(self, pattern, line):
        match = pattern.match(line)
        if not match:
            raise GuestError(f'zone {self.idx}: not a line of a zone report: '
                             + line)
        return match.groupdict()

    @property
    def written_kib(self):
        return int(self.blkzone['wp'], 16) // 2

    @property
    def extension_valid(self):
        return bool(int(self.nvme['attrs'], 0) & ATTR_EXTENSION_VALID)

    def state_after_power_cycle(self):
        """Nothing is open then; a zone without content is Empty again."""
        if self.state not in (IMPLICIT, EXPLICIT, CLOSED):
            return self.state
        if self.written_kib or self.extension_valid:
            return CLOSED
        return EMPTY


def parse_nvme(lines):
    """Pairs of a zone's line and its descriptor extension (or None)."""
    pairs = []
    for line in lines:
        digits = HEX_LINE.match(line)
        if line.startswith('SLBA:'):
            pairs.append([line, None])
        elif digits and pairs:
            pairs[-1][1] = (pairs[-1][1] or b'') + bytes.fromhex(digits[1])
    return pairs


def parse_report(records, name):
    """All zones of the two blocks that the plan's `report NAME` left."""
    blkzone = records.blocks.get(f'blkzone-{name}', [])
    nvme = parse_nvme(records.blocks.get(f'nvme-{name}', []))
    if not blkzone or len(blkzone) != len(nvme):
        raise GuestError(f'report "{name}": blkzone lists {len(blkzone)} zones'
                         f' and nvme {len(nvme)}')
    return [Zone(idx, line, *nvme[idx]) for idx, line in enumerate(blkzone)]


def changed_fields(before, after):
    """What a power cycle has changed in a zone and should not have."""
    found = []
    expected = before.state_after_power_cycle()
    if after.state != expected:
        found.append(f'state is {after.state}, should be {expected}')
    for source in ('blkzone', 'nvme'):
        old, new = getattr(before, source), getattr(after, source)
        found += [f'{source} {key}: {old[key]} became {new[key]}'
                  for key in old if old[key] != new[key]]
    if before.extension_valid and before.extension != after.extension:
        found.append('the zone descriptor extension differs')
    return found


def compare(before, after):
    """{zone_idx: text} of the zones that did not survive a power cycle."""
    if len(before) != len(after):
        raise GuestError(f'{len(before)} zones before the restart, '
                         f'{len(after)} after it')
    differences = {}
    for old, new in zip(before, after):
        found = changed_fields(old, new)
        if found:
            lines = [f'      before: {line}' for line in old.lines]
            lines += [f'      after:  {line}' for line in new.lines]
            differences[old.idx] = '\n'.join(
                [f'zone {old.idx}: ' + '; '.join(found)] + lines)
    return differences
