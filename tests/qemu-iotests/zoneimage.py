# Zoned qcow2 images: what the zone-* tests share
#
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A ZonedImage is driven through the tools (create, io, check ...) and looked
# at, or damaged, byte by byte through its header extension and zone words
# (field, word ...).  Everything logged is free of times, paths and offsets in
# the image file.

import json
import os
import re
import signal
import struct
import subprocess
import zlib
from typing import Dict, List, Optional, Tuple

import iotests
from iotests import log

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB

EXTENSION_MAGIC = 0x5a4e5354
FEATURE_BIT = 24

# Fields of the header extension: offset and struct format
FIELDS: Dict[str, Tuple[int, str]] = {
    'zone_model': (0, '>B'),
    'layout_version': (1, '>B'),
    'flags': (2, '>B'),
    'reserved1': (3, '>B'),
    'zone_size': (8, '>Q'),
    'zone_capacity': (16, '>Q'),
    'zonedmeta_offset': (24, '>Q'),
    'zonedmeta_size': (32, '>Q'),
    'nr_zones': (40, '>I'),
    'conventional_zones': (44, '>I'),
    'max_active_zones': (48, '>I'),
    'max_open_zones': (52, '>I'),
    'max_append_bytes': (56, '>I'),
    'zd_extension_size': (60, '>I'),
    'reserved2': (79, '>B'),
}

# Bits of the field flags
UNFINISHED, RECORDS = 1, 2

# A ring of records
RING_BYTES, RECORD_BYTES, RING_RECORDS = 32768, 512, 64
RECORD_MAGIC = 0x5a4e5243

STATES = {
    0x0: 'Conventional', 0x1: 'Empty', 0x2: 'Implicitly Opened',
    0x3: 'Explicitly Opened', 0x4: 'Closed', 0xd: 'Read Only',
    0xe: 'Full', 0xf: 'Offline',
}

# Fields of a zone word
STATE_SHIFT = 60
CONVENTIONAL = 1 << 59
ATTR_SHIFT = 51
READ_ONLY, FULL, OFFLINE = 0xd, 0xe, 0xf
ZFC, FZR, RZR, ZRWAV, ZDEV = 0x01, 0x02, 0x04, 0x08, 0x80

REPORT_RE = re.compile(r'start: (0x[0-9a-f]+), len (0x[0-9a-f]+), '
                       r'cap (0x[0-9a-f]+), wptr (0x[0-9a-f]+), '
                       r'zcond:(\d+), \[type: (\d)\]$')
TIMING_RE = re.compile(r'^[0-9.]+ (bytes|[KMGT]iB), \d+ ops; .*sec\)$')


def encode_word(wp: int, state: int = 0, attributes: int = 0,
                conventional: bool = False) -> int:
    return (state << STATE_SHIFT | (CONVENTIONAL if conventional else 0) |
            attributes << ATTR_SHIFT | wp)


def size_str(size: int) -> str:
    for unit, name in ((TIB, 'TiB'), (GIB, 'GiB'), (MIB, 'MiB'),
                       (KIB, 'KiB')):
        if size >= unit and size % unit == 0:
            return f'{size // unit} {name}'
    return str(size)


def filter_report(line: str) -> str:
    """One line of a zone report, in bytes and words"""
    match = REPORT_RE.match(line)
    if not match:
        return line
    start, length, cap, wp = (int(x, 16) * 512 for x in match.groups()[:4])
    text = f'  zone {start // length}: {STATES[int(match.group(5))]}'
    if match.group(6) == '2':
        text += f', wp +{size_str(wp - start)}'
    if cap != length:
        text += f', capacity {size_str(cap)}'
    return f'{text}, size {size_str(length)}'


def filter_words(text: str) -> str:
    """What the bases say in different words, in those of the oldest"""
    text = text.replace("--help' for more information", "--help' for more info")
    text = text.replace("'human' or 'json', not ", "'human' or 'json' not ")
    return re.sub(r"^Error: (?='commit' error)", '', text, flags=re.M)


def filter_output(text: str) -> str:
    text = iotests.filter_generated_node_ids(iotests.filter_testfiles(text))
    text = filter_words(text)
    lines = text.splitlines()
    return '\n'.join(filter_report(line) for line in lines
                     if not TIMING_RE.match(line))


def log_run(result: 'subprocess.CompletedProcess[str]',
            expected_status: int = 0) -> None:
    """Logs the output, and the exit status when it is an unexpected one"""
    text = filter_output(result.stdout)
    if text:
        log(text)
    if result.returncode != expected_status:
        log(f'UNEXPECTED exit status {result.returncode}, '
            f'not {expected_status}')


def run_tool(*args: str, **kwargs) -> 'subprocess.CompletedProcess[str]':
    """Like iotests.qemu_tool(), but death by a signal is a result"""
    return subprocess.run(args, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True,
                          check=False, **kwargs)


def qemu_img(*args: str, status: int = 0, quiet: bool = False) -> None:
    """Runs qemu-img and logs the command and what it says"""
    if not quiet:
        log('qemu-img ' + ' '.join(args), filters=[iotests.filter_testfiles])
    log_run(run_tool(*iotests.qemu_img_args, *args), status)


def log_error_text(text: str) -> None:
    log(text, filters=[iotests.filter_testfiles,
                       iotests.filter_generated_node_ids])


def run_job(vm: iotests.VM, command: str, job_id: str = 'job0',
            **arguments) -> None:
    """Logs the error of a job, whenever it comes, or nothing"""
    reply = vm.qmp(command, job_id=job_id, **arguments)
    if 'error' in reply:
        log_error_text(reply['error']['desc'])
        return
    match = {'data': {'id': job_id, 'status': 'concluded'}}
    vm.events_wait([('JOB_STATUS_CHANGE', match)], timeout=30.0)
    job = next(j for j in vm.cmd('query-jobs') if j['id'] == job_id)
    if 'error' in job:
        log_error_text(job['error'])
    vm.cmd('job-dismiss', id=job_id)


def describe_zones(zones: List[Dict]) -> List[str]:
    """Of query-block-zones: state and bytes below the write pointer"""
    return [f"{zone['state']} {zone['wp'] - zone['start']}"
            if 'wp' in zone else zone['state'] for zone in zones]


def log_map(filename: str, fmt: str) -> None:
    """What lies where: data, or zeros"""
    for extent in iotests.qemu_img_map('-f', fmt, filename):
        kind = 'zero' if extent['zero'] else 'data'
        log(f"  {size_str(extent['start'])}: "
            f"{size_str(extent['length'])} {kind}")


class Record:
    """One of the ring, or what is in its place"""

    def __init__(self, data: bytes) -> None:
        magic, checksum, self.seq, self.first, nr = struct.unpack(
            '>IIQQI', data[:28])
        self.valid = magic == RECORD_MAGIC and checksum == zlib.crc32(
            data[:4] + bytes(4) + data[8:])
        self.words: Dict[int, int] = {}
        for i in range(nr if self.valid else 0):
            zone_idx, _, _, word = struct.unpack(
                '>IIQQ', data[32 + 24 * i:56 + 24 * i])
            self.words[zone_idx] = word


class ZonedImage:
    def __init__(self, path: str) -> None:
        self.path = path

    # Through the tools

    def create(self, device_size: str, *more: str, **options: str) -> None:
        """Options of zones are named without "zone.", others are in more"""
        self.remove()
        log_run(self.try_create(device_size, *more, **options))

    def try_create(self, device_size: str, *more: str, **options: str
                   ) -> 'subprocess.CompletedProcess[str]':
        opts = ['zone.mode=host-managed', *more]
        for name, value in options.items():
            opts.append(f'zone.{name}={value}')
        args = [*iotests.qemu_img_args, 'create', '-q', '-f', iotests.imgfmt,
                '-o', ','.join(opts), self.path, device_size]
        return run_tool(*args)

    def run_io(self, *commands: str, options: str = '', flags: Tuple = (),
               file_driver: str = 'file'
               ) -> 'subprocess.CompletedProcess[str]':
        args: List[str] = list(iotests.qemu_io_args_no_fmt)
        for command in commands:
            args += ['-c', command]
        target = f'driver={iotests.imgfmt}'
        if file_driver == 'file':
            target += f',file.filename={self.path}'
        else:
            target += f',file.driver={file_driver}' \
                      f',file.image.filename={self.path}'
        if options:
            target += ',' + options
        return run_tool(*args, *flags, '--image-opts', target)

    def io(self, *commands: str, options: str = '', flags: Tuple = (),
           file_driver: str = 'file', status: int = 0,
           log_options: bool = True) -> None:
        """One qemu-io process, logged"""
        head = ' '.join(['qemu-io', *flags, options if log_options else ''])
        head = head.rstrip()
        log(f'{head}: ' + '; '.join(commands))
        log_run(self.run_io(*commands, options=options, flags=flags,
                            file_driver=file_driver), status)

    def die(self, *commands: str, options: str = '',
            sig: int = signal.SIGKILL) -> None:
        """The same, ended by a signal: nothing is closed or flushed"""
        head = f'qemu-io {options}'.rstrip()
        log(f'{head}: ' + '; '.join(commands) + f'; {sig.name}')
        log_run(self.run_io(*commands, f'sigraise {int(sig)}',
                            options=options), -int(sig))

    def report(self, first: int = 0, nr: int = 1) -> None:
        """Zones after opening the image anew, without writing to it"""
        offset = first * self.field('zone_size')
        log_run(self.run_io(f'zrp {offset} {nr}', flags=('-r',)))

    def check(self, *args: str, status: int = 0) -> None:
        result = run_tool(*iotests.qemu_img_args, 'check', *args, '-f',
                          iotests.imgfmt, self.path)
        text = re.sub(r'Image end offset: \d+\n', '', result.stdout)
        text = re.sub(r'\d+/\d+ = [^\n]* clusters\n', '', text)
        if '-q' not in args:
            log(' '.join(['qemu-img check', *args]))
        result.stdout = text
        log_run(result, status)

    def check_clean(self) -> None:
        """Says something only when there is something to say"""
        result = run_tool(*iotests.qemu_img_args, 'check', '-q', '-f',
                          iotests.imgfmt, self.path)
        log_run(result)

    def check_sound(self) -> None:
        """After a kill, clusters may have leaked, no more than that"""
        result = run_tool(*iotests.qemu_img_args, 'check', '-q', '-f',
                          iotests.imgfmt, self.path)
        if result.returncode not in (0, 3) or 'ERROR' in result.stdout:
            log_run(result)

    def info(self) -> Optional[Dict]:
        info = iotests.qemu_img_info('-f', iotests.imgfmt, self.path)
        return info['format-specific']['data'].get('zone')

    def map(self) -> None:
        log_map(self.path, iotests.imgfmt)

    # Byte by byte

    def read_at(self, offset: int, length: int) -> bytes:
        with open(self.path, 'rb') as image:
            image.seek(offset)
            return image.read(length)

    def write_at(self, offset: int, data: bytes) -> None:
        with open(self.path, 'r+b') as image:
            image.seek(offset)
            image.write(data)

    def extension_offset(self, magic: int = EXTENSION_MAGIC) -> int:
        """Of the header extension's magic; the data is 8 bytes on"""
        offset, = struct.unpack('>I', self.read_at(100, 4))
        while True:
            found, length = struct.unpack('>II', self.read_at(offset, 8))
            if found == magic:
                return offset
            assert found != 0, 'no such header extension'
            offset += 8 + (length + 7) // 8 * 8

    def field(self, name: str) -> int:
        offset, fmt = FIELDS[name]
        data = self.read_at(self.extension_offset() + 8 + offset,
                            struct.calcsize(fmt))
        return struct.unpack(fmt, data)[0]

    def set_field(self, name: str, value: int) -> None:
        offset, fmt = FIELDS[name]
        self.write_at(self.extension_offset() + 8 + offset,
                      struct.pack(fmt, value))

    def set_version_1(self) -> None:
        """Layout version 1 has no ring"""
        self.set_field('layout_version', 1)
        if self.field('flags') & RECORDS:
            self.set_field('flags', self.field('flags') & ~RECORDS)
            size = self.field('nr_zones') * 8
            if self.field('zd_extension_size'):
                size += -size % 4096 + (self.field('nr_zones') *
                                        self.field('zd_extension_size'))
            self.set_field('zonedmeta_size', size)

    def is_unfinished(self) -> bool:
        return bool(self.field('flags') & UNFINISHED)

    def set_unfinished(self) -> None:
        self.set_field('flags', self.field('flags') | UNFINISHED)

    def ring_offset(self) -> int:
        return (self.field('zonedmeta_offset') +
                self.field('zonedmeta_size') - RING_BYTES)

    def put_record(self, seq: int, first: int,
                   *changes: Tuple[int, int, int, int]) -> None:
        """Of zone, checksum of the data, word before, word behind"""
        data = struct.pack('>QQII', seq, first, len(changes), 0)
        for change in changes:
            data += struct.pack('>IIQQ', *change)
        data += bytes(RECORD_BYTES - 8 - len(data))
        head = struct.pack('>I', RECORD_MAGIC)
        checksum = zlib.crc32(head + bytes(4) + data)
        self.write_at(self.ring_offset() + seq % RING_RECORDS * RECORD_BYTES,
                      head + struct.pack('>I', checksum) + data)

    def records(self) -> List[Record]:
        """Those that count for sure, and the newest, in their order"""
        if not self.field('flags') & RECORDS:
            return []
        ring = self.read_at(self.ring_offset(), RING_BYTES)
        slots = {}
        for offset in range(0, RING_BYTES, RECORD_BYTES):
            record = Record(ring[offset:offset + RECORD_BYTES])
            if record.valid and record.seq % RING_RECORDS * RECORD_BYTES == \
                    offset:
                slots[record.seq] = record
        if not slots:
            return []
        newest = slots[max(slots)]
        return [slots[seq] for seq in range(newest.first, newest.seq + 1)]

    def counts(self, record: Record) -> bool:
        """Whether the data of the newest one is there"""
        result = run_tool(*iotests.qemu_img_args, 'zones', '-U', '-f',
                          iotests.imgfmt, '--output=json', self.path)
        zones = json.loads(result.stdout)['zones']
        return all(zones[i].get('wp', 0) == word & (1 << 51) - 1
                   for i, word in record.words.items())

    def word(self, zone_idx: int) -> int:
        """What a reader makes of words and ring"""
        records = self.records()
        for record in reversed(records):
            if zone_idx in record.words and (record is not records[-1] or
                                             self.counts(record)):
                return record.words[zone_idx]
        return self.word_in_place(zone_idx)

    def word_in_place(self, zone_idx: int) -> int:
        offset = self.field('zonedmeta_offset') + zone_idx * 8
        return struct.unpack('>Q', self.read_at(offset, 8))[0]

    def set_word(self, zone_idx: int, word: int) -> None:
        offset = self.field('zonedmeta_offset') + zone_idx * 8
        self.write_at(offset, struct.pack('>Q', word))

    def set_feature(self, bit: int, on: bool = True) -> None:
        features, = struct.unpack('>Q', self.read_at(72, 8))
        features = features | 1 << bit if on else features & ~(1 << bit)
        self.write_at(72, struct.pack('>Q', features))

    def remove(self) -> None:
        if os.path.exists(self.path):
            os.unlink(self.path)
