# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to an image without a crash: use, growth, the end of space.

Each process opens the image anew.  What has to be there is what the same
commands leave in a file on this machine, and what is written here.
"""
import os

from common import KIB, MIB, Failed, local

ZONE = 8 * MIB
CAPACITY = 6 * MIB
CLUSTER = 64 * KIB
OPTIONS = ('size=64M,zone.mode=host-managed,zone.size=8M,zone.capacity=6M,'
           'zone.max_open_zones=4,zone.max_active_zones=6,'
           'zd_extension_size=64')
ROOM = 96                       # MiB for an image with all of its data
GARBAGE = 0xee
KILLED = -9                     # what `sigraise 9` ends with

PROCESSES = (
    ('write -P 1 0 300k', 'write -P 2 300k 1M', 'write -P 3 8M 6M',
     'zone_open 16M 8M', 'zone_append 24M 4k 64k'),
    ('write -P 4 1324k 4k', 'zone_append -p 24M 1M', 'zone_finish 24M 8M',
     'write -P 5 16M 2M', 'zone_reset 8M 8M'),
    ('write -P 6 8M 20k', 'zone_finish 0 8M', 'zone_reset 16M 8M',
     'write -P 7 56M 6M'),
)
STATES = [('full', None), ('closed', 20 * KIB), ('empty', 0), ('full', None),
          ('empty', 0), ('empty', 0), ('empty', 0), ('full', None)]


def expect(found, wanted, what):
    if found != wanted:
        raise Failed(f'{what}: {found}, not {wanted}')


def create(tools, place, options=OPTIONS):
    tools.img('create', '-q', '-f', 'qcow2', '-o', options, place.image)


def compare(tools, place, other, good=(0,)):
    """Data and zones; status 1 says that they differ."""
    return tools.img('compare', '-f', 'qcow2', '-F', 'qcow2', place.image,
                     other.image, good=good)


def use(storage, job):
    """Three processes, one after the other."""
    tools, place = job.tools, storage.place(ROOM)
    reference = local(job.path('reference'))
    for image in (place, reference):
        create(tools, image)
    for commands in PROCESSES:
        for image in (place, reference):
            tools.io(image, *commands)
        compare(tools, place, reference)
        tools.check(place)
    expect(tools.zones(place), STATES, 'zones')
    tools.io(place, 'read -P 1 0 300k', 'read -P 2 300k 1M',
             'read -P 4 1324k 4k', 'read -P 0 1328k 4816k',
             'read -P 6 8M 20k', 'read -P 0 8212k 6124k', 'read -P 7 56M 6M')
    # what has found no difference has to find this one
    tools.io(place, 'write -P 8 8212k 4k')
    tools.io(reference, 'write -P 9 8212k 4k')
    compare(tools, place, reference, good=(1,))
    return storage.judge()


def fill(zones, pattern=1):
    """Commands that fill zones, and tell which."""
    return [f'write -P {pattern + idx} {idx * ZONE} {CAPACITY}'
            for idx in zones]


def grow(storage, job):
    """The image needs no more room than its data, and gets more zones."""
    tools, place = job.tools, storage.place(ROOM)
    create(tools, place)
    before = storage.real_length(place)
    tools.io(place, *fill(range(3)))
    after = storage.real_length(place)
    if after - before < 3 * CAPACITY or before > 4 * MIB:
        raise Failed(f'{before} bytes, and {after} after {3 * CAPACITY} were '
                     'written')
    expect(tools.length(place), after, 'length for QEMU, and for others')
    tools.img('resize', '-q', '-f', 'qcow2', place.image, '+8M')
    tools.io(place, *fill([8]))
    wanted = [('full', None)] * 3 + [('empty', 0)] * 5 + [('full', None)]
    expect(tools.zones(place), wanted, 'zones')
    tools.check(place)
    tools.io(place, *(command.replace('write', 'read') for command in
                      fill([0, 1, 2, 8])), f'read -P 0 {3 * ZONE} {5 * ZONE}')
    return f'{before // KIB} KiB, {after // KIB} KiB when written to'


def overfill(storage, tools, place, zone):
    """Zones before this one are full; how many bytes of it there is room for.

    A write that fails as a whole leaves room for shorter ones.
    """
    said = tools.io(place, *fill(range(zone + 1)), good=(1,))
    if len(storage.no_room.findall(said)) != 1 or said.count('wrote') != zone:
        raise Failed(f'there was room for other zones: {said}')
    said = tools.io(place, *(
        f'write -P {1 + zone} {zone * ZONE + at} {CLUSTER}'
        for at in range(0, CAPACITY, CLUSTER)), good=(1,))
    written = said.count('wrote') * CLUSTER
    if not storage.no_room.search(said) or not written:
        raise Failed(f'{written} bytes in short writes: {said[-300:]}')
    return written


def end(storage, job):
    """There is no room for all zones: the write that needs more fails.

    With 24 MiB, 3 zones fit, and a part of one more.
    """
    tools, place, at = job.tools, storage.place(24), 3 * ZONE
    create(tools, place)
    written = overfill(storage, tools, place, 3)
    wanted = [('full', None)] * 3 + [('closed', written)] + [('empty', 0)] * 4
    expect(tools.zones(place), wanted, 'zones')
    tools.check(place)
    reads = [command.replace('write', 'read') for command in fill(range(3))]
    tools.io(place, *reads, f'read -P 4 {at} {written}',
             f'read -P 0 {at + written} {CAPACITY - written}')
    # a zone that is reset keeps its room, for itself; others need more
    more = f'write -P 4 {at + written} {CAPACITY - written}'
    tools.io(place, f'zone_reset 0 {ZONE}', *fill([0], 7),
             options=('discard=unmap',))
    tools.io(place, more, good=(1,))
    storage.lengthen(1)
    tools.io(place, more, f'read -P 4 {at} {CAPACITY}', *reads[1:],
             f'read -P 7 0 {CAPACITY}')
    tools.check(place)
    return f'{(3 * CAPACITY + written) // KIB} KiB in 24 MiB'


def spoil(storage, job, place):
    """What will be allocated next is not zeros."""
    end_offset = job.tools.check(place)['image-end-offset']
    if not storage.is_fixed:
        job.tools.img('resize', '-q', '-f', 'raw', place.image,
                      str(end_offset + 16 * MIB))
    job.tools.io(place, f'write -P {GARBAGE} {end_offset} 16M',
                 options=('driver=raw',))


def mapped(job, place):
    return job.tools.check(place).get('allocated-clusters', 0)


def premap_once(storage, job, options, clusters):
    """A write maps so many clusters; nothing of what they had can be read."""
    tools, place = job.tools, storage.place(ROOM)
    create(tools, place)
    spoil(storage, job, place)
    tools.io(place, 'write -P 1 0 5k', options=options)
    expect(mapped(job, place), clusters, 'mapped clusters')
    tools.io(place, 'write -P 2 8M 9k', 'write -P 1 5k 1k', 'flush',
             'sigraise 9', options=options, good=(KILLED,))
    tools.io(place, 'read -P 1 0 6k', 'read -P 0 6k 8186k', 'read -P 2 8M 9k',
             'read -P 0 8201k 8183k')
    expect(mapped(job, place), 2 * clusters, 'mapped clusters')
    tools.io(place, 'zone_finish 0 8M', 'zone_reset 8M 8M',
             'write -P 3 8M 4k', 'write -P 4 8196k 60k', options=options)
    path = job.path('contents')
    tools.img('convert', '-f', 'qcow2', '-O', 'raw', place.image, path)
    with open(path, 'rb') as file:
        data = file.read()
    wanted = bytes([1]) * 6 * KIB + bytes(ZONE - 6 * KIB) + \
        bytes([3]) * 4 * KIB + bytes([4]) * 60 * KIB
    if data != wanted.ljust(8 * ZONE, b'\0'):
        raise Failed('other data than was written, or something above it')
    tools.io(place, 'read -P 1 0 6k', 'read -P 0 6k 8186k', 'read -P 3 8M 4k',
             'read -P 4 8196k 60k', 'read -P 0 8256k 8128k')
    os.unlink(path)


def premap(storage, job):
    """Zones are mapped ahead of their data, where nothing can be reserved."""
    premap_once(storage, job, ('zone-commit-interval=0',), MIB // CLUSTER)
    premap_once(storage, job, ('zone-commit-interval=0', 'zone-premap-size=0'),
                1)
    return f'{MIB // CLUSTER} clusters mapped ahead, or none'
