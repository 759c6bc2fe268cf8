# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives as the header of a client job describes them.

  zones=N zone_size=16M, and zone_capacity, max_open, max_active (no limit when
  left out), extension (bytes), conventional (zones): a zoned one; size=64M: one
  without zones
  lba (bytes)
  zoned.NAME=...           more properties of nvme-ns
  hba=lsi53c895a           of a SCSI disk, in place of virtio-scsi-pci
  bus=nvme1                of another controller, whose serial is that
  discard, detect-zeroes, readonly   of -drive
"""
import re

from guest import GuestError

DRIVE_OPTIONS = ('discard', 'detect-zeroes', 'readonly')


class Geometry:
    """words: {key: value}"""

    def __init__(self, job, words):
        self.job, self.words = job, words

    def get(self, key, default=None):
        return self.words.get(key, default)

    def __contains__(self, key):
        return key in self.words

    @property
    def is_zoned(self):
        return 'zones' in self.words

    def mib(self, key, default=None):
        value = self.get(key, default)
        if not re.fullmatch(r'\d+M', value or ''):
            raise GuestError(f'job {self.job}: {key}={value} is not in M')
        return int(value[:-1])

    @property
    def total_mib(self):
        if not self.is_zoned:
            return self.mib('size')
        return int(self.words['zones']) * self.mib('zone_size')

    @property
    def capacity_mib(self):
        return self.mib('zone_capacity', self.get('zone_size'))

    def limits(self):
        return [self.get(key, '0') for key in
                ('max_open', 'max_active', 'extension')]

    def creation(self):
        """Options of qemu-img create for an image of this kind."""
        if not self.is_zoned:
            return self.plain_creation()
        opened, active, extension = self.limits()
        return (f'size={self.total_mib}M,zone.mode=host-managed,'
                f'zone.size={self.mib("zone_size")}M,'
                f'zone.capacity={self.capacity_mib}M,'
                f'zone.conventional_zones={self.get("conventional", "0")},'
                f'zone.max_open_zones={opened},'
                f'zone.max_active_zones={active},'
                f'zd_extension_size={extension}')

    def plain_creation(self):
        return f'size={self.total_mib}M'

    def in_memory(self):
        """Properties of nvme-ns for zones in memory."""
        if not self.is_zoned:
            return ''
        opened, active, extension = self.limits()
        return (f',zoned=on,zoned.zone_size={self.mib("zone_size")}M,'
                f'zoned.zone_capacity={self.capacity_mib}M,'
                f'zoned.max_open={opened},zoned.max_active={active},'
                f'zoned.descr_ext_size={extension}')

    def properties(self):
        """Those of nvme-ns that are not about the image."""
        lba = self.get('lba')
        text = (f',logical_block_size={lba},physical_block_size={lba}'
                if lba else '')
        return text + ''.join(f',{key}={value}' for key, value in
                              self.words.items() if key.startswith('zoned.'))

    @property
    def bus(self):
        return self.get('bus', 'nvme0')

    def hba(self):
        """Of a SCSI disk."""
        name = self.get('hba', 'virtio-scsi-pci')
        usb = ['-device', 'qemu-xhci'] if name.startswith('usb-') else []
        return [*usb, '-device', f'{name},id=hba']

    def drive_options(self):
        return ''.join(f',{key}={self.words[key]}' for key in DRIVE_OPTIONS
                       if key in self.words)


def parse_words(words):
    return dict(word.split('=') for word in words)


def parse_namespaces(job, words):
    """{number: Geometry} of "2 size=64M 3 zones=8 ... 3 lba=4096"."""
    found, number = {}, None
    for word in words:
        if word.isdigit():
            number = int(word)
            found.setdefault(number, [])
        else:
            found[number].append(word)
    return {number: Geometry(job, parse_words(each))
            for number, each in found.items()}
