# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures of the NVMe device without a guest: nvme-zone-bench."""
from measures import AGAIN, BASE_QCOW2, BASE_RAW, DRIVE, GIB, KIB, MEMORY, \
    MIB, OURS, Goal, Measure, Row, lab_qemu, latency_rows, ratio_goal, \
    size_text, zones_text

UNMAP = ', unmap'
FLUSH = 'one flush, '


def device_run(lab, test, name, kind, qemu, more, ns, **options):
    def run():
        lab.create(name, kind, DRIVE, options['zone'])
        try:
            return lab.nvme_bench(test, name, kind, qemu, more, ns, **options)
        finally:
            lab.remove(name)
    return run


# Reset ######################################################################

def zones_in_memory(zone):
    return f'zoned=on,zoned.zone_size={zone}'


def options_text(*parts):
    return ','.join(filter(None, parts))


def reset_contestants(lab, **options):
    ns = zones_in_memory(options['zone'])
    found = {}
    for name, more in lab.ours.items():
        for suffix, discard in (('', ''), (UNMAP, 'discard=unmap')):
            found[name + suffix] = device_run(
                lab, 'reset', name + suffix, 'zoned', lab_qemu(),
                options_text(discard, more), '', **options)
    if lab.base:
        for name, kind, more in ((BASE_RAW, 'raw', ''),
                                 (BASE_RAW + UNMAP, 'raw', 'discard=unmap'),
                                 (BASE_QCOW2, 'plain', '')):
            found[name] = device_run(lab, 'reset', name, kind, lab.base, more,
                                     ns, **options)
    return found


def flush_contestants(lab, **options):
    """What a Reset is compared with: after the same pauses, one Flush"""
    options['zones'] = 4
    found = {FLUSH + OURS: device_run(lab, 'flush', FLUSH + OURS, 'zoned',
                                      lab_qemu(), lab.ours[OURS], '',
                                      **options)}
    if lab.base:
        found[FLUSH + BASE_RAW] = device_run(
            lab, 'flush', FLUSH + BASE_RAW, 'raw', lab.base, '',
            zones_in_memory(options['zone']), **options)
    return found


def one_flush_goal(name):
    goal = Goal(f'{name} / {FLUSH}{OURS}',
                lambda medians: medians[name] / medians[FLUSH + OURS], 1,
                at_least=False)
    goal.of, goal.than = name, FLUSH + OURS
    return goal


def reset_goals(lab, pause):
    goals = []
    for name in lab.ours:
        if pause:
            goals.append(one_flush_goal(name))
            goals.append(ratio_goal(name + UNMAP, BASE_RAW + UNMAP, 100,
                                    inverse=True, word='faster than'))
        else:
            goals.append(ratio_goal(name + UNMAP, name, 1, inverse=True,
                                    word='faster than'))
    return goals


def reset_measures(lab):
    """With a pause before each, holes of the one before are no part of it."""
    section = '5. Reset of a full zone, on the device (us)'
    for zone, zones, pause in ((64 * MIB, 4, 300), (64 * MIB, 4, 0),
                               (GIB, 2, 1000), (GIB, 2, 0)):
        options = {'device': DRIVE, 'zone': zone, 'zones': zones, 'total': 0,
                   'pause': pause}
        found = reset_contestants(lab, **options)
        if pause and zone == GIB:
            found.update(flush_contestants(lab, **options))
        name = (f'zone of {size_text(zone)}'
                f"{'' if pause else ', one after the other'}")
        yield Measure(section, [Row(name, 'us', reset_goals(lab, pause)
                                    if zone == GIB else [])],
                      found, quick=zone != GIB)
    options = {'device': DRIVE, 'zone': MIB, 'zones': 1024 // lab.scale,
               'total': 0}
    name = 'reset, zones of 1M, one after the other'
    yield Measure(section, [Row(name, 'us'), *latency_rows(name)],
                  reset_contestants(lab, **options), quick=True)


# Report #####################################################################

def device_report_measures(lab):
    zone, count = MIB, 1000000
    options = {'device': count * zone, 'zone': zone, 'bytes': 128 * KIB}

    def prepare():
        lab.create(OURS, 'zoned', count * zone, zone)
        if lab.base:
            lab.create(BASE_RAW, 'raw', count * zone)

    def runs(state):
        found = {OURS: lambda: lab.nvme_bench(
            'report', OURS, 'zoned', lab_qemu(), state=state, **options)}
        if lab.base:
            found[BASE_RAW] = lambda: lab.nvme_bench(
                'report', BASE_RAW, 'raw', lab.base, state=state,
                ns=zones_in_memory(zone), **options)
        return found

    section = '7. The device with a million zones'
    yield Measure(section,
                  [Row('memory of QEMU (KiB)', 'rss_kib'),
                   Row('report of all, 128K a piece (ms)', 'report_ms')],
                  runs(0), prepare)
    yield Measure(section, [Row('the same, of those that are Empty (ms)',
                                'report_ms')], runs(1), prepare)


# Reads and writes ###########################################################

SECTION = '8. The device without a guest (IOPS)'


def device_contestants(lab, test, **options):
    options['zone'] = 64 * MIB
    ns = zones_in_memory(options['zone'])
    found = {name: device_run(lab, test, name, 'zoned', lab_qemu(), more, '',
                              **options)
             for name, more in lab.ours.items()}
    found[MEMORY] = device_run(lab, test, MEMORY, 'raw', lab_qemu(), '', ns,
                               **options)
    if lab.base:
        for name, kind in ((BASE_RAW, 'raw'), (BASE_QCOW2, 'plain')):
            found[name] = device_run(lab, test, name, kind, lab.base, '', ns,
                                     **options)
        if options['streams'] == 1:
            found[BASE_RAW + AGAIN] = found[BASE_RAW]
    return found


def device_measure(lab, test, text, size, depth, zones, quick):
    total = {(4, 1): 16, (4, 32): 64, (4, 128): 64}.get((size, depth), 256)
    options = {'device': DRIVE, 'bytes': size * KIB, 'depth': depth,
               'streams': zones, 'total': total * MIB // lab.scale}
    goals = [goal for name in lab.ours
             for goal in (ratio_goal(name, BASE_RAW, 0.97),
                          ratio_goal(name, BASE_QCOW2, 1))]
    name = f'{size}K {text}, depth {depth}'
    if test != 'randread':
        name += f', {zones_text(zones)}'
    timed = zones == 1 and depth == 1
    return Measure(SECTION,
                   [Row(name, 'iops', goals),
                    *(latency_rows(f'device: {name}') if timed else [])],
                   device_contestants(lab, test, **options), quick=quick)


def depth_measure(lab, test):
    """More commands in flight must not cost anything"""
    few, many = ', depth 128', ', depth 1024'
    found = {}
    for name, kind, qemu, more, ns in (
            (OURS, 'zoned', lab_qemu(), lab.ours[OURS], ''),
            (BASE_RAW, 'raw', lab.base, '', zones_in_memory(64 * MIB))):
        for suffix, depth in ((few, 128), (many, 1024)):
            if qemu:
                found[name + suffix] = device_run(
                    lab, test, name, kind, qemu, more, ns, zone=64 * MIB,
                    device=DRIVE, bytes=4 * KIB, depth=depth, streams=1,
                    total=128 * MIB // lab.scale)
    found[OURS + few + AGAIN] = found[OURS + few]
    return Measure(SECTION, [Row(f'4K {test}, 1 zone, by depth', 'iops', [
        ratio_goal(OURS + many, OURS + few, 1)])], found, quick=test == 'write')


def device_measures(lab):
    for test in ('write', 'append'):
        for depth in (1, 32, 128):
            for zones in (1, 8, 64):
                yield device_measure(lab, test, test, 4, depth, zones,
                                     (test, depth, zones) in
                                     (('write', 32, 1), ('append', 128, 64)))
        yield depth_measure(lab, test)
    yield device_measure(lab, 'randread', 'random read', 4, 1, 1, False)
    yield device_measure(lab, 'randread', 'random read', 4, 32, 1, True)
    yield device_measure(lab, 'write', 'write', 128, 8, 1, True)
