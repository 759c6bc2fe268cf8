# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make bench` measures: programs, contestants, goals.

A measure has contestants, each with a function that runs it once on files of
its own and returns a dictionary of values.  Goals are computed from the
medians of one value.  A contestant "NAME, again" is NAME once more: what the
two differ by is noise.
"""
import os
import re
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('ZNS_BUILD') or os.path.join(ROOT, 'build')
OUT = os.path.join(BUILD, 'out')
FIRMWARE = ('/usr/share/qemu', '/usr/share/seabios', '/usr/lib/ipxe/qemu')
RUN_SECONDS = 300

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

OURS, APPEND, PLAIN, RAW = 'ours', 'ours, append', 'qcow2', 'raw'
BASE_RAW, BASE_QCOW2 = 'base on raw', 'base on qcow2'
MEMORY = 'ours in memory'
AGAIN = ', again'
LATENCY = '12. How long requests take (us)'


class BenchError(Exception):
    """What went wrong, as a person should read it."""


class Goal:
    """A bound for a figure that is made of the contestants' medians."""

    # of a ratio: its contestants, and whether it is one of durations
    of, than, inverse = None, None, False

    def __init__(self, text, figure, bound, at_least=True):
        self.text, self.figure = text, figure
        self.bound, self.at_least = bound, at_least

    def met(self, value):
        return value >= self.bound if self.at_least else value <= self.bound

    def verdict(self, value, noise):
        """noise: what two runs of the peer differ by, as a ratio >= 1"""
        if self.met(value):
            return 'met'
        within = value * noise if self.at_least else value / noise
        return 'within noise' if self.met(within) else 'MISSED'


def ratio_goal(ours, peer, bound, inverse=False, word='x'):
    """ours / peer (for durations peer / ours) is at least bound."""
    def figure(medians):
        top, bottom = medians[ours], medians[peer]
        return bottom / top if inverse else top / bottom
    goal = Goal(f'{ours} {word} {peer}', figure, bound)
    goal.of, goal.than, goal.inverse = ours, peer, inverse
    return goal


class Row:
    """One value of a measure; goals whose contestants are not there drop.

    section: where it is shown, if not with the measure
    """

    def __init__(self, name, value, goals=(), section=None):
        self.name, self.value, self.goals = name, value, goals
        self.section = section


def latency_rows(name):
    """Of a measure whose requests the programs have timed"""
    return [Row(f'{name}: {text}', value, section=LATENCY)
            for text, value in (('median', 'p50_us'), ('p99', 'p99_us'),
                                ('p99.9', 'p999_us'))]


class Measure:
    """Contestants (name -> function), and what is shown of their results.

    prepare makes files that serve all rounds.  Notes are sentences about the
    section, for the reader.
    """

    def __init__(self, section, rows, contestants, prepare=None, quick=False):
        self.section, self.rows = section, rows
        self.contestants = contestants
        self.prepare, self.quick = prepare, quick
        self.notes = []

    def name(self):
        return '; '.join(row.name for row in self.rows if not row.section)

    def matches(self, pattern):
        return any(re.search(pattern, f'{row.section or self.section} '
                             f'{row.name}') for row in self.rows)


def execute(argv, **more):
    """Standard output of a program that must succeed."""
    try:
        result = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                                capture_output=True, timeout=RUN_SECONDS,
                                check=False, **more)
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{' '.join(argv)}: no end after {RUN_SECONDS} s") \
            from error
    if result.returncode:
        raise BenchError(f"{' '.join(argv)}: status {result.returncode}\n"
                         f'{result.stdout}{result.stderr}')
    return result.stdout


def values_of(text):
    return {name: float(number) for name, number in
            re.findall(r'^([a-z0-9_]+) (-?[0-9.]+)$', text, re.M)}


def size_text(count):
    for unit, suffix in ((GIB, 'G'), (MIB, 'M'), (KIB, 'K')):
        if count % unit == 0:
            return f'{count // unit}{suffix}'
    return str(count)


class Lab:
    """Where files are, and how the programs are called."""

    def __init__(self, directory, base, variants=(), scale=1):
        self.dir, self.base, self.scale = directory, base, scale
        # name of the contestant -> options of the drive
        self.ours = {OURS: ''}
        self.ours.update({f'{OURS} {name}': options
                          for name, options in variants})

    def path(self, name):
        return os.path.join(self.dir, re.sub(r'\W+', '-', name) + '.img')

    def create(self, name, kind, size, zone=64 * MIB):
        path = self.path(name)
        if os.path.exists(path):
            os.unlink(path)
        options = f'size={size}'
        if kind == 'zoned':
            options += f',zone.mode=host-managed,zone.size={zone}'
        execute([os.path.join(OUT, 'qemu-img'), 'create', '-q', '-f',
                 'raw' if kind == 'raw' else 'qcow2', '-o', options, path])
        # what was removed and created before is no part of what is measured
        os.sync()
        return path

    def img(self, *args):
        """qemu-img; how long it took, in ms"""
        start = time.monotonic()
        execute([os.path.join(OUT, 'qemu-img'), *args])
        return (time.monotonic() - start) * 1000

    def reset_all(self, name):
        execute([os.path.join(OUT, 'qemu-io'), '-f', 'qcow2', '-c',
                 f'zrs 0 {DRIVE}', self.path(name)])

    def remove(self, name):
        if os.path.exists(self.path(name)):
            os.unlink(self.path(name))

    def zone_bench(self, test, name, kind, aio='native', more='', **options):
        driver = 'raw' if kind == 'raw' else 'qcow2'
        image = (f'driver={driver},file.driver=file,cache.direct=on,'
                 f'file.filename={self.path(name)},file.aio={aio}')
        argv = [os.path.join(OUT, 'tests/zone/zone-bench'), test,
                f"--image={image}{',' if more else ''}{more}"]
        argv += [f'--{key}={int(value)}' for key, value in options.items()]
        return values_of(execute(argv))

    def nvme_bench(self, test, name, kind, qemu, more='', ns='', aio='native',
                   **options):
        driver = 'raw' if kind == 'raw' else 'qcow2'
        argv = [os.path.join(OUT, 'tests/zone/nvme-zone-bench'), test,
                f'--qemu={qemu}',
                f'--drive=file={self.path(name)},format={driver},cache=none,'
                f"aio={aio}{',' if more else ''}{more}", f'--ns={ns}',
                '--args=' + ' '.join(f'-L {path}' for path in FIRMWARE)]
        argv += [f'--{key}={int(value)}' for key, value in options.items()]
        return values_of(execute(argv))


# Sections 1 to 3: the block layer ##########################################

DRIVE = 4 * GIB


def lab_qemu():
    return os.path.join(OUT, 'qemu-system-x86_64')


def block_run(lab, test, name, kind, aio, more, **options):
    """Once, on an image that is fresh."""
    def run():
        lab.create(name, kind, DRIVE)
        try:
            return lab.zone_bench(test, name, kind, aio, more, **options)
        finally:
            lab.remove(name)
    return run


def write_contestants(lab, aio, one_zone, **options):
    found = {
        RAW: block_run(lab, 'write', RAW, 'raw', aio, '', **options),
        PLAIN: block_run(lab, 'write', PLAIN, 'plain', aio, '', **options),
    }
    if one_zone and aio == 'native':
        found[RAW + AGAIN] = found[RAW]
    for name, more in lab.ours.items():
        if one_zone:
            found[name] = block_run(lab, 'write', name, 'zoned', aio, more,
                                    **options)
        name = name.replace(OURS, APPEND, 1)
        found[name] = block_run(lab, 'append', name, 'zoned', aio, more,
                                **options)
    return found


def aio_suffix(aio):
    return '' if aio == 'native' else f', {aio}'


def zones_text(zones):
    return '1 zone' if zones == 1 else f'{zones} zones'


def write_measures(lab, aio):
    for size, depth, total in ((4, 1, 16), (4, 32, 64), (64, 1, 128),
                               (64, 32, 512), (128, 1, 256), (128, 32, 512)):
        for zones in (1, 8):
            options = {'bytes': size * KIB, 'depth': depth, 'streams': zones,
                       'total': total * MIB // lab.scale}
            goals = []
            for name in lab.ours:
                names = [name.replace(OURS, APPEND, 1)]
                names += [name] if zones == 1 else []
                for each in names:
                    goals.append(ratio_goal(each, RAW, 0.98))
                    if depth == 32 and size >= 64:
                        goals.append(ratio_goal(each, PLAIN, 2))
            name = (f'{size}K, depth {depth}, {zones_text(zones)}'
                    f'{aio_suffix(aio)}')
            timed = zones == 1 and aio == 'native' and size < 128
            yield Measure(
                '1. Sequential writes and appends (IOPS)',
                [Row(name, 'iops', goals),
                 *(latency_rows(name) if timed else [])],
                write_contestants(lab, aio, zones == 1, **options),
                quick=(depth == 32 or size == 4) and
                (zones == 1 or (size, depth) == (4, 32)))


def flush_measures(lab, aio):
    for writers, zones in ((1, 1), (8, 1), (8, 8)):
        options = {'bytes': 4 * KIB, 'depth': writers, 'streams': zones,
                   'total': writers * 4 * MIB // min(lab.scale, 4), 'flush': 1}
        found = {
            RAW: block_run(lab, 'write', RAW, 'raw', aio, '', **options),
            PLAIN: block_run(lab, 'write', PLAIN, 'plain', aio, '', **options),
        }
        if aio == 'native':
            found[RAW + AGAIN] = found[RAW]
        for name, more in lab.ours.items():
            found[name] = block_run(lab, 'write', name, 'zoned', aio, more,
                                    **options)
        name = (f"{writers} {'writer' if writers == 1 else 'writers'}, "
                f'{zones_text(zones)}{aio_suffix(aio)}')
        timed = zones == 1 and aio == 'native'
        yield Measure(
            '2. A flush behind each write of 4K (writes per second)',
            [Row(name, 'iops',
                 [ratio_goal(each, RAW, 0.95) for each in lab.ours]),
             *(latency_rows(f'4K and a flush, {name}') if timed else [])],
            found, quick=zones == writers)


def read_contestants(lab, test, aio, **options):
    peers = {RAW: ('raw', ''), PLAIN: ('plain', '')}
    peers.update({name: ('zoned', more) for name, more in lab.ours.items()})
    total = options['total']

    def prepare():
        for name, (kind, more) in peers.items():
            lab.create(name, kind, DRIVE)
            lab.zone_bench('write', name, kind, aio, more, bytes=MIB, depth=8,
                           total=total)

    def reader(name, kind, more):
        return lambda: lab.zone_bench(test, name, kind, aio, more, **options)

    found = {name: reader(name, *how) for name, how in peers.items()}
    if aio == 'native':
        found[RAW + AGAIN] = found[RAW]
    return prepare, found


def read_measures(lab, aio):
    for test, text, size, depth in (('randread', 'random', 4, 1),
                                    ('randread', 'random', 4, 32),
                                    ('read', 'sequential', 128, 8)):
        prepare, found = read_contestants(
            lab, test, aio, bytes=size * KIB, depth=depth,
            total=256 * MIB // (lab.scale * (4 if depth == 1 else 1)))
        yield Measure(
            '3. Reads of a written image (IOPS)',
            [Row(f'{size}K {text}, depth {depth}{aio_suffix(aio)}', 'iops',
                 [ratio_goal(name, RAW, 0.97) for name in lab.ours])],
            found, prepare, quick=depth > 1)


# Section 14: several threads ###############################################

def thread_measures(lab):
    """As a device with so many queues in iothreads"""
    section = '14. Requests from iothreads (IOPS)'
    for threads in (1, 2, 4):
        options = {'bytes': 4 * KIB, 'depth': 128, 'threads': threads}
        text = '1 thread' if threads == 1 else f'{threads} threads'
        yield Measure(
            section,
            [Row(f'4K append, depth 128, 8 zones, {text}', 'iops',
                 [ratio_goal(name.replace(OURS, APPEND, 1), RAW, 0.98)
                  for name in lab.ours])],
            write_contestants(lab, 'native', False, streams=8,
                              total=256 * MIB // lab.scale, **options))
        prepare, found = read_contestants(lab, 'randread', 'native',
                                          total=256 * MIB // lab.scale,
                                          **options)
        yield Measure(
            section,
            [Row(f'4K random read, depth 128, {text}', 'iops',
                 [ratio_goal(name, RAW, 0.97) for name in lab.ours])],
            found, prepare)


# Section 4: zone management ################################################

def action_measures(lab):
    for test in ('finish', 'open', 'close'):
        def runner(name, more, test=test):
            return block_run(lab, test, name, 'zoned', 'native', more,
                             zones=32, bytes=4 * KIB)
        yield Measure('4. Zone management on the block layer (us)',
                      [Row(test, 'us')],
                      {name: runner(name, more)
                       for name, more in lab.ours.items()}, quick=True)


# Section 6: open and report ################################################

def load_measure(lab):
    counts = {'1k zones': (1000, 1000 * MIB), '100k zones': (100000, 10 * MIB),
              '1M zones': (1000000, MIB)}

    def prepare():
        for name, (count, zone) in counts.items():
            lab.create(name, 'zoned', count * zone, zone)
        lab.create('no zones', 'plain', 1000000 * MIB)

    found = {'no zones': lambda: lab.zone_bench('load', 'no zones', 'plain')}
    for name in counts:
        found[name] = lambda name=name: lab.zone_bench(
            'load', name, 'zoned', more=lab.ours[OURS])
    few, many = '1k zones', '1M zones'
    yield Measure('6. Open of an image with many zones', [
        Row('time (ms)', 'ms', [
            Goal('ms more of 1M than of 1k zones', lambda m: m[many] - m[few],
                 50, at_least=False)]),
        Row('memory (KiB)', 'rss_kib', [
            Goal('bytes a zone',
                 lambda m: (m[many] - m[few]) * KIB / 999000, 32,
                 at_least=False)]),
        Row('report, pieces of 1024 zones (ms)', 'report_ms')],
        found, prepare, quick=True)


# Section 9: snapshots and overlays #########################################

MANY = {'no zones': 'plain', '1M zones': 'zoned'}


def create_many(lab):
    for name, kind in MANY.items():
        lab.create(name, kind, 1000000 * MIB, MIB)


def snapshot_create_run(lab, name):
    """Without what it takes to open the image"""
    def run():
        lab.create(name, MANY[name], 1000000 * MIB, MIB)
        path = lab.path(name)
        spent = lab.img('snapshot', '-l', path)
        return {'ms': lab.img('snapshot', '-c', 'snap', path) - spent}
    return run


def overlay_create_run(lab, name):
    """Without what it takes to open the backing file"""
    def run():
        path, overlay = lab.path(name), lab.path(f'{name} overlay')
        spent = lab.img('snapshot', '-l', path)
        try:
            return {'ms': lab.img('create', '-q', '-f', 'qcow2', '-b', path,
                                  '-F', 'qcow2', overlay) - spent}
        finally:
            lab.remove(f'{name} overlay')
    return run


def rewrite_run(lab, name, kind, snapshot, **options):
    """Over what was written before, and is part of a snapshot or not"""
    def run():
        lab.create(name, kind, DRIVE)
        try:
            lab.zone_bench('write', name, kind, bytes=MIB, depth=8,
                           total=options['total'])
            if snapshot:
                lab.img('snapshot', '-c', 'snap', lab.path(name))
            if kind == 'zoned':
                lab.reset_all(name)
            return lab.zone_bench('write', name, kind, **options)
        finally:
            lab.remove(name)
    return run


def snapshot_measures(lab):
    section = '9. Snapshots and overlays'
    for what, runner in (('snapshot', snapshot_create_run),
                         ('overlay', overlay_create_run)):
        yield Measure(section, [
            Row(f'create of a{"n" if what == "overlay" else ""} {what} (ms)',
                'ms', [Goal('ms more of 1M than of no zones',
                            lambda m: m['1M zones'] - m['no zones'], 100,
                            at_least=False)])],
            {name: runner(lab, name) for name in MANY},
            (lambda: create_many(lab)) if what == 'overlay' else None,
            quick=True)
    for size in (4, 64):
        options = {'bytes': size * KIB, 'depth': 32, 'streams': 1,
                   'total': 256 * MIB // lab.scale}
        found = {}
        for name, kind in ((OURS, 'zoned'), (PLAIN, 'plain')):
            for more in ('', ', snapshot'):
                found[name + more] = rewrite_run(lab, name + more, kind,
                                                 bool(more), **options)
        yield Measure(section, [
            Row(f'{size}K, depth 32, written again (IOPS)', 'iops',
                [ratio_goal(f'{OURS}, snapshot', OURS, 0.9)])],
            found, quick=size == 64)


def block_measures(lab, engines):
    for aio in engines:
        yield from write_measures(lab, aio)
    for aio in engines:
        yield from flush_measures(lab, aio)
    for aio in engines:
        yield from read_measures(lab, aio)
    yield from thread_measures(lab)
    yield from action_measures(lab)
