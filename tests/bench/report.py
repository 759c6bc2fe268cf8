# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of `make bench`: medians and spread, tables, facts of the machine."""
import os
import platform
import re
import statistics
import subprocess
import time

import charts
import measures
from charts import figure_text, number_text
from measures import AGAIN

DOC = os.path.join(measures.ROOT, 'docs', 'devel', 'performance.rst')
PAGE = os.path.join(measures.ROOT, 'docs', 'devel', 'performance.html')
BEGIN, END = '.. results begin', '.. results end'


def spread(rounds, value):
    numbers = sorted(result[value] for result in rounds if value in result)
    if not numbers:
        return None
    return {'median': statistics.median(numbers), 'min': numbers[0],
            'max': numbers[-1], 'rounds': len(numbers)}


def noise_of(goal, medians):
    """What two runs of the goal's peer differ by: a ratio >= 1"""
    peer, again = medians.get(goal.than), medians.get(f'{goal.than}{AGAIN}')
    if not peer or not again:
        return 1
    return max(peer / again, again / peer)


def judged(goals, medians):
    for goal in goals:
        try:
            figure = goal.figure(medians)
        except KeyError:
            continue            # a peer that is not there
        except ZeroDivisionError:
            figure = float('inf')
        verdict = goal.verdict(figure, noise_of(goal, medians))
        yield {'what': goal.text, 'of': goal.of, 'than': goal.than,
               'inverse': goal.inverse, 'figure': figure, 'goal': goal.bound,
               'at_least': goal.at_least, 'met': verdict == 'met',
               'verdict': verdict}


def noises(medians):
    """[what, figure] of each contestant that has run twice"""
    return [[f'{name} x {peer}', figure / medians[peer]]
            for name, figure in medians.items() if name.endswith(AGAIN)
            for peer in [name.removesuffix(AGAIN)] if medians.get(peer)]


def summaries(measure, rounds):
    """The rows of a measure; rounds: contestant -> list of values."""
    found = {name: {value: spread(results, value)
                    for value in sorted(results[0])}
             for name, results in rounds.items()}
    for row in measure.rows:
        medians = {name: values[row.value]['median']
                   for name, values in found.items() if row.value in values}
        yield {'section': row.section or measure.section, 'measure': row.name,
               'value': row.value, 'contestants': found,
               'goals': list(judged(row.goals, medians)),
               'noise': noises(medians)}


def cell(entry, name):
    found = entry['contestants'].get(name, {}).get(entry['value'])
    if found is None:
        return '-'
    low, high = number_text(found['min']), number_text(found['max'])
    return f"{number_text(found['median'])} ({low}..{high})"


def bound_text(goal):
    return f"{'>=' if goal['at_least'] else '<='} {goal['goal']}"


def goal_text(goal):
    return (f"{goal['what']}: {figure_text(goal)} "
            f"(goal {bound_text(goal)}: {goal['verdict']})")


def goal_rows(entry):
    """Goals, and what there is of noise to judge them by"""
    yield from ([entry['measure'], goal['what'], figure_text(goal),
                 bound_text(goal), goal['verdict']] for goal in entry['goals'])
    yield from ([entry['measure'], what, number_text(figure), '', 'noise']
                for what, figure in entry['noise'])


def simple_table(rows):
    """An RST simple table: the first row is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = '  '.join('=' * width for width in widths)
    lines = ['  '.join(text.ljust(width)
                       for text, width in zip(row, widths)).rstrip()
             for row in rows]
    return '\n'.join([rule, lines[0], rule, *lines[1:], rule])


def section_text(title, entries):
    names = list(dict.fromkeys(name for entry in entries
                               for name in entry['contestants']))
    rows = [['', *names]]
    rows += [[entry['measure'], *(cell(entry, name) for name in names)]
             for entry in entries]
    text = f'{title}\n{"-" * len(title)}\n\n{simple_table(rows)}\n'
    goals = [row for entry in entries for row in goal_rows(entry)]
    if goals:
        text += '\n' + simple_table([['', 'Goal', 'Figure', 'Wanted', 'Result'],
                                     *goals]) + '\n'
    return text


def sections_text(results):
    titles = {entry['section'] for entry in results['measures']}
    for title in sorted(titles, key=charts.section_key):
        yield section_text(title, [entry for entry in results['measures']
                                   if entry['section'] == title])
        for note in results['notes'].get(title, []):
            yield f'{note}\n'


def results_text(results):
    facts = '\n'.join(f':{name}: {text}'
                      for name, text in results['machine'].items())
    failed = [f'Failed: {failure.splitlines()[0]}\n'
              for failure in results['failures']]
    return '\n'.join([facts, '', 'Median (lowest..highest).', '', *failed,
                      *sections_text(results)])


def update_doc(results):
    if results['failures']:
        raise measures.BenchError('the last results have failures')
    with open(DOC, encoding='utf-8') as f:
        text = f.read()
    head, rest = text.split(BEGIN + '\n', 1)
    tail = rest.split(END, 1)[1]
    with open(DOC, 'w', encoding='utf-8') as f:
        f.write(f'{head}{BEGIN}\n\n{results_text(results)}\n{END}{tail}')
    with open(PAGE, 'w', encoding='utf-8') as f:
        f.write(charts.page(results))


def first_line(argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True,
                              check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return 'unknown'


def cpu_model():
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        match = re.search(r'^model name\s*: (.*)$', f.read(), re.M)
    return match.group(1) if match else platform.machine()


def memory_mib():
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') >> 20


def machine_facts(lab):
    disk = first_line(['findmnt', '-n', '-v', '-o', 'SOURCE,FSTYPE,OPTIONS',
                       '-T', lab.dir])
    facts = {
        'Date': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()),
        'Processor': f'{os.cpu_count()} x {cpu_model()}',
        'Memory': f'{memory_mib()} MiB',
        'Kernel': f'{platform.system()} {platform.release()}',
        'Disk': re.sub(r'\s+', ' ', disk),
        'Load before': f'{os.getloadavg()[0]:.2f}',
        'Ours': first_line(['git', '-C', measures.ROOT, 'describe', '--always',
                            '--dirty']) + ', ' +
                first_line([measures.lab_qemu(), '--version']),
        'Base': first_line([lab.base, '--version']) if lab.base
                else 'not there',
    }
    for name, options in lab.ours.items():
        if options:
            facts[name.capitalize()] = options
    return facts
