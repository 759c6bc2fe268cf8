#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Charts of what `make bench` has measured: one page, with nothing to fetch.

usage: tests/bench/charts.py [RESULTS.json [PAGE.html]]

By default from build/bench/results.json to build/bench/charts.html.  A row of a
measure is a group of bars, one for each contestant: its median relative to that
of the first peer, whiskers from the lowest to the highest of all rounds, and a
mark where a goal lies.
"""
import html
import json
import math
import os
import re
import sys

sys.dont_write_bytecode = True

TITLE = 'Performance of zoned images'
SPDX = '<!--\nSPDX-License-Identifier: GPL-2.0-or-later\n-->'
# What bars are relative to: the first of these that has run
PEERS = ('raw', 'base on raw', 'no zones', 'base on raw, depth 128', 'qcow2',
         'ours, depth 128')
AGAIN = ', again'
LESS_IS_BETTER = re.compile(r'(us|ms|kib)$')
VERDICTS = {'met': 'met', 'within noise': 'near', 'MISSED': 'missed'}

# Of the drawing
WIDTH, LEFT, BARS, LINE, HEAD = 1000, 176, 480, 19, 22
TOP = 24
MOST, LEAST = 3.0, 1.2          # where the axis ends
CROWD = 0.15                    # so many bars beyond it: by powers of ten

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e;
  --page: #fff; --grid: #d8dee4; --ours: #0b68cb; --append: #12808a;
  --raw: #7d8590; --qcow2: #c4690b; --base: #8250df; --other: #4d7c0f;
  --met: #1a7f37; --near: #9a6700; --missed: #cf222e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af;
  --page: #0d1117; --grid: #30363d; --ours: #58a6ff; --append: #39c5cf;
  --raw: #8b949e; --qcow2: #f0883e; --base: #bc8cff; --other: #a3d14f;
  --met: #56d364; --near: #e3b341; --missed: #ff7b72 } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink);
  background: var(--page); max-width: 1000px; margin: 0 auto; padding: 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin: 2em 0 .3em }
p { margin: .4em 0 } .soft { color: var(--soft) }
table { border-collapse: collapse; font-size: 13px }
td, th { text-align: left; padding: .15em .9em .15em 0; vertical-align: top }
svg { display: block; width: 100%; height: auto; overflow: visible }
text { font: 12px system-ui, sans-serif; fill: var(--ink) }
.e { text-anchor: end } .m { text-anchor: middle } .b { font-weight: 600 }
text.s, .s { fill: var(--soft) } .g { stroke: var(--grid) }
.w { stroke: var(--ink); opacity: .75 } .again { opacity: .55 }
.h { stroke: var(--page); stroke-width: 5; fill: none; opacity: .8 }
.f { stroke: currentColor; stroke-width: 1.5 }
.ours { fill: var(--ours) } .append { fill: var(--append) }
.raw { fill: var(--raw) } .qcow2 { fill: var(--qcow2) }
.base { fill: var(--base) } .other { fill: var(--other) }
.met { fill: var(--met); color: var(--met) }
.near { fill: var(--near); color: var(--near) }
.missed { fill: var(--missed); color: var(--missed) }
"""

INTRO = """\
<p>Each bar is a median relative to that of the first peer of its row (the line
at 1); its whisker goes from the lowest to the highest of all rounds. Where many
differ by a lot, the axis has powers of ten, and bars begin at 1. A flag
below a bar is where its goal lies: <b class="met">met</b>,
<b class="near">missed by less than two runs of the same contestant differ</b>
(the bars called “again”), <b class="missed">missed</b>. Bars that would not
fit end in an arrow.</p>
"""


def number_text(number):
    if abs(number) >= 100:
        return f'{number:.0f}'
    return f'{number:.2f}' if abs(number) < 10 else f'{number:.1f}'


def colour(name):
    plain = name.removesuffix(AGAIN)
    kinds = (('append', ', append' in plain),
             ('ours', plain.startswith('ours')), ('raw', plain == 'raw'),
             ('base', plain.startswith('base on raw')),
             ('qcow2', 'qcow2' in plain), ('other', True))
    found = next(kind for kind, does in kinds if does)
    return found + (' again' if name.endswith(AGAIN) else '')


def peer_of(values):
    """None when there is nothing to be relative to"""
    names = [name for name in (*PEERS, *values) if name in values]
    return next((name for name in names if values[name]['median'] > 0), None)


def row_values(entry):
    """{contestant: median, min and max of the value that the row shows}

    The peer is first, runs of the same stand together.
    """
    values = {name: found[entry['value']]
              for name, found in entry['contestants'].items()
              if found.get(entry['value'])}
    names = [name.removesuffix(AGAIN) for name in values]
    names.sort(key=lambda name: name != peer_of(values))
    return {each: values[each] for name in names
            for each in (name, name + AGAIN) if each in values}


def figure_text(goal):
    """With as many digits as it takes to see that the goal is missed"""
    number = goal['figure']
    words = number_text(number)
    for digits in range(2, 6):
        if goal['met'] or float(words) != goal['goal']:
            break
        words = f'{number:.{digits}f}'
    return words


class Scale:
    """From ratios to places"""

    first = 0
    zero = LEFT                 # where bars begin

    def __init__(self, ratios):
        self.end = min(MOST, max([LEAST, *ratios]) * 1.02)

    def x(self, ratio):
        return LEFT + BARS * min(max(ratio, 0), self.end) / self.end

    def ticks(self):
        step = 0.5 if self.end > 1.6 else 0.25
        return [i * step for i in range(int(self.end / step) + 1)]


class LogScale:
    """By powers of ten; bars begin at 1"""

    def __init__(self, ratios):
        logs = [math.log10(ratio) for ratio in ratios if ratio > 0]
        self.low = math.floor(min([-0.5, *logs]) * 2) / 2
        self.high = math.ceil(max([0.5, *logs]) * 2) / 2
        self.first, self.end = 10 ** self.low, 10 ** self.high
        self.zero = self.x(1)

    def x(self, ratio):
        log = math.log10(min(max(ratio, self.first), self.end))
        return LEFT + BARS * (log - self.low) / (self.high - self.low)

    def ticks(self):
        return [10 ** i for i in range(math.ceil(self.low),
                                       math.floor(self.high) + 1)]


def scale_of(groups):
    """groups: the values of each row"""
    found = [[found[key] / peer for key in ('median', 'min', 'max')]
             for values in groups
             for peer in [values[peer_of(values)]['median']]
             for found in values.values()]
    beyond = sum(median > MOST for median, *_ in found)
    kind = LogScale if beyond > CROWD * len(found) else Scale
    return kind([ratio for ratios in found for ratio in ratios])


def text(x, y, words, style=''):
    style = f' class="{style}"' if style else ''
    return f'<text x="{x:.4g}" y="{y:.5g}"{style}>{html.escape(words)}</text>'


def line(x1, y1, x2, y2, style):
    return (f'<path d="M{x1:.4g} {y1:.5g}L{x2:.4g} {y2:.5g}" '
            f'class="{style}"/>')


def contestant(scale, y, name, found, peer):
    low, middle, high = (found[key] / peer['median']
                         for key in ('min', 'median', 'max'))
    end = scale.x(middle)
    parts = [text(LEFT - 8, y + 12, name, 'e'),
             f'<rect x="{min(scale.zero, end):.4g}" y="{y + 2:.5g}" '
             f'width="{abs(end - scale.zero):.4g}" height="11" '
             f'class="{colour(name)}"/>']
    if middle > scale.end:
        parts.append(text(end + 1, y + 12, '➤', colour(name)))
    else:
        left, right = scale.x(low), scale.x(high)
        parts.append(f'<path d="M{left:.4g} {y + 7.5:.5g}H{right:.4g}'
                     f'M{left:.4g} {y + 4.5:.5g}v6M{right:.4g} {y + 4.5:.5g}v6"'
                     ' class="w"/>')
    parts.append(text(
        LEFT + BARS + 16, y + 12, f"{number_text(found['median'])} "
        f"({number_text(found['min'])}..{number_text(found['max'])})"))
    parts.append(text(WIDTH - 4, y + 12, f'× {number_text(middle)}', 'e s'))
    return '\n'.join(parts)


def goal_place(goal, values, peer):
    """Where a goal lies on the axis, or None"""
    if goal.get('of') not in values or goal.get('than') not in values:
        return None
    than = values[goal['than']]['median'] / peer['median']
    return than / goal['goal'] if goal['inverse'] else than * goal['goal']


def flag(scale, y, goal, place):
    x = scale.x(place)
    mark = f'd="M{x:.4g} {y:.5g}v14l-3 5h6l-3 -5"'
    return (f'<path {mark} class="h"/><path {mark} '
            f'class="f {VERDICTS[goal["verdict"]]}">'
            f'<title>{html.escape(goal_text(goal))}</title></path>')


def goal_text(goal):
    sign = '≥' if goal['at_least'] else '≤'
    return (f"{goal['what']}: {figure_text(goal)}, goal {sign} "
            f"{goal['goal']}: {goal['verdict']}")


def verdicts(goals, y):
    """The worst first, as one line at the right end"""
    order = list(VERDICTS)
    parts = [f'<tspan class="{VERDICTS[verdict]}">{count} {verdict}</tspan>'
             for verdict in reversed(order)
             if (count := sum(goal['verdict'] == verdict for goal in goals))]
    if not parts:
        return ''
    return (f'<text x="{WIDTH - 4}" y="{y:.5g}" class="e">goals: '
            + ', '.join(parts) + '</text>')


def group(scale, y, entry):
    """One row of a measure"""
    values = row_values(entry)
    name = peer_of(values)
    less = LESS_IS_BETTER.search(entry['value'])
    title = entry['measure'] + (' — less is better' if less else '')
    parts = [text(4, y + 15, title, 'b'), verdicts(entry['goals'], y + 15)]
    for i, (each, found) in enumerate(values.items()):
        parts.append(contestant(scale, y + HEAD + i * LINE, each, found,
                                values[name]))
    for goal in entry['goals']:
        place = goal_place(goal, values, values[name])
        if place is not None and scale.first <= place <= scale.end:
            at = list(values).index(goal['of'])
            parts.append(flag(scale, y + HEAD + at * LINE, goal, place))
    return '\n'.join(parts)


def section_svg(title, entries):
    scale = scale_of([row_values(entry) for entry in entries])
    y, groups = TOP, []
    for entry in entries:
        groups.append(group(scale, y, entry))
        y += HEAD + LINE * len(row_values(entry)) + 8
    grid = '\n'.join(
        line(x, TOP - 4, x, y, 'w' if tick == 1 else 'g')
        + text(x, TOP - 8, f'{tick:g}', 'm s')
        for tick in scale.ticks() for x in [scale.x(tick)])
    return (f'<svg viewBox="0 0 {WIDTH} {y}" role="img" '
            f'aria-label="{html.escape(title)}">\n{grid}\n'
            + '\n'.join(groups) + '\n</svg>\n')


def table(rows):
    return '<table>' + '\n'.join(
        '<tr>' + ''.join(f'<td{style}>{html.escape(words)}</td>'
                         for words, style in row) + '</tr>'
        for row in rows) + '</table>\n'


def facts_table(results):
    facts = {**results['machine'], 'Rounds': str(results['rounds']) + (
        ', quick: a part of the measures, with less data'
        if results['quick'] else '')}
    return table([[(name, ' class="soft"'), (words, '')]
                  for name, words in facts.items()])


def goals_table(measures):
    """How many are met, and each of the others"""
    goals = [(entry, goal) for entry in measures for goal in entry['goals']]
    counts = {verdict: sum(goal['verdict'] == verdict for _, goal in goals)
              for verdict in VERDICTS}
    rows = [[(entry['section'].split('.')[0] + '. ' + entry['measure'], ''),
             (goal_text(goal), f' class="{VERDICTS[goal["verdict"]]}"')]
            for entry, goal in goals if goal['verdict'] != 'met']
    summary = ', '.join(f'<span class="{VERDICTS[verdict]}">{count} {verdict}'
                        '</span>' for verdict, count in counts.items())
    return (f'<h2>Goals: {summary}</h2>\n'
            + (table(rows) if rows else ''))


def section_key(title):
    number = re.match(r'\d+', title)
    return int(number[0]) if number else 0


def shown(entry):
    return peer_of(row_values(entry)) is not None


def page(results):
    measures = [entry for entry in results['measures'] if shown(entry)]
    sections = sorted({entry['section'] for entry in measures},
                      key=section_key)
    notes = results.get('notes', {})
    parts = [f'<!DOCTYPE html>\n{SPDX}\n<html lang="en">\n'
             '<meta charset="utf-8">\n'
             '<meta name="viewport" content="width=device-width">\n'
             f'<title>{TITLE}</title><style>{STYLE}</style>\n'
             f'<h1>{TITLE}</h1>\n', INTRO, facts_table(results)]
    parts += [f'<p class="missed">Failed: {html.escape(failure)}</p>\n'
              for failure in results['failures']]
    parts.append(goals_table(measures))
    for title in sections:
        entries = [entry for entry in measures if entry['section'] == title]
        parts.append(f'<h2>{html.escape(title)}</h2>\n')
        parts += [f'<p class="soft">{html.escape(note)}</p>\n'
                  for note in notes.get(title, [])]
        parts.append(section_svg(title, entries))
    return ''.join(parts) + '</html>\n'


def main(args):
    build = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         '..', '..', 'build', 'bench')
    if len(args) > 2 or any(arg.startswith('-') for arg in args):
        print(__doc__)
        return 0 if args in (['-h'], ['--help']) else 2
    source, target = [*args, *(os.path.join(build, name) for name in
                               ('results.json', 'charts.html')[len(args):])]
    with open(source, encoding='utf-8') as f:
        results = json.load(f)
    with open(target, 'w', encoding='utf-8') as f:
        f.write(page(results))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
