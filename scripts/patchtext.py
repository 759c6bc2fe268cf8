# SPDX-License-Identifier: GPL-2.0-or-later
"""Queue entries as text: header lines, hunks, anchors.

An entry is a header (Subject:, Why:, Retire-When:, ...; a continuation line
is indented) and then, in a .patch, a unified diff without line counts to
trust: a hunk applies where its anchor, the context and removed lines, is
found, and nowhere else.
"""
import re

FIELD = re.compile(r'^(?://\s*)?([A-Z][A-Za-z-]+):(?:\s+(.*))?$')
HUNK = re.compile(r'^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@')
MAX_CONTEXT = 3

# A last line that lacks its newline ends in this, which no text file has.
NO_NEWLINE = '\0'
NO_NEWLINE_LINE = '\\ No newline at end of file'


def split_lines(text):
    lines = text.split('\n')
    if lines[-1]:
        lines[-1] += NO_NEWLINE
    else:
        lines.pop()
    return lines


def join_lines(lines):
    text = ''.join(line + '\n' for line in lines)
    return text[:-2] if text.endswith(NO_NEWLINE + '\n') else text


class PatchError(Exception):
    """Something about the queue that a person must look at."""


class MissingTool(PatchError):
    """It is not the queue: a program is not there."""


def complain(problems, text):
    """Into the list, where there is one: the next problem is wanted too."""
    if problems is None:
        raise PatchError(text)
    problems.append(text)


class Hunk:
    """Lines as (tag, text), the tag one of ' ', '-', '+'."""

    def __init__(self, old_start, lines):
        self.old_start = old_start
        self.lines = lines

    def side(self, tags):
        return [text for tag, text in self.lines if tag in tags]

    @property
    def old(self):
        return self.side(' -')

    @property
    def new(self):
        return self.side(' +')

    def context(self):
        """The longest run of context lines."""
        longest = run = 0
        for tag, _ in self.lines:
            run = run + 1 if tag == ' ' else 0
            longest = max(longest, run)
        return longest


class FilePatch:
    def __init__(self, path):
        self.path = path
        self.hunks = []


class Entry:
    """One file of the queue, parsed."""

    def __init__(self, name, text):
        self.name = name
        self.is_cocci = name.endswith('.cocci')
        self.text = text
        head, mark, self.diff = text, '', ''
        if not self.is_cocci:
            head, mark, self.diff = text.partition('\n--- a/')
            self.diff = '--- a/' + self.diff if mark else ''
        self.header = '\n'.join(
            line for line in head.split('\n')
            if not re.match('diff --git |index [0-9a-f]', line)).rstrip('\n')
        self.fields = parse_fields(self.header)
        self.files = [] if self.is_cocci else parse_diff(name, self.diff)

    def paths(self):
        if self.is_cocci:
            return self.fields.get('Files', '').split()
        return [patch.path for patch in self.files]

    def message(self):
        """The commit message of this entry."""
        fields = self.fields
        parts = [fields.get('Subject', self.name)]
        if fields.get('Why'):
            parts.append(fields['Why'])
        if fields.get('Retire-When'):
            parts.append('Retire-When: ' + fields['Retire-When'])
        return '\n\n'.join(parts) + f'\n\nQueue-Entry: {self.name}\n'


def parse_fields(header):
    """The header's fields; an indented line continues the one above."""
    fields, last = {}, None
    for line in header.split('\n'):
        comment = line.startswith('//')
        body = line[2:] if comment else line
        match = FIELD.match(line)
        if match:
            last = match.group(1)
            fields[last] = (match.group(2) or '').strip()
        elif last and re.match(r'^(\s{2,}|\t)\S', body):
            fields[last] = (fields[last] + '\n' + body.strip()).strip()
        else:
            last = None
    return fields


def parse_diff(name, diff):
    files, hunk = [], None
    left_old = left_new = 0
    lines = diff.split('\n')
    for number, line in enumerate(lines):
        if line.startswith('\\') and hunk:
            tag, text = hunk.lines.pop()
            hunk.lines.append((tag, text + NO_NEWLINE))
            continue
        if left_old > 0 or left_new > 0:
            tag, text = (line[:1] or ' '), line[1:]
            if tag not in ' +-':
                raise PatchError(f'{name}: a hunk of {files[-1].path} is '
                                 f'malformed at "{line}"')
            hunk.lines.append((tag, text))
            left_old -= tag in ' -'
            left_new -= tag in ' +'
            continue
        match = HUNK.match(line)
        if match and files:
            left_old = int(match.group(2) or 1)
            left_new = int(match.group(4) or 1)
            hunk = Hunk(int(match.group(1)), [])
            files[-1].hunks.append(hunk)
        elif line.startswith('--- '):
            files.append(open_file(name, line, lines[number + 1]))
        elif line and not line.startswith(('+++ ', 'diff ', 'index ')):
            raise PatchError(f'{name}: cannot use the line "{line}" in a diff')
    return files


def open_file(name, minus, plus):
    old, new = minus[4:].split('\t')[0], plus[4:].split('\t')[0]
    if not plus.startswith('+++ ') or old[2:] != new[2:] or \
            not old.startswith('a/') or not new.startswith('b/'):
        raise PatchError(f'{name}: "{minus}" / "{plus}": a hook changes a '
                         f'file that the base has: it adds, removes and '
                         f'renames none')
    return FilePatch(old[2:])


def find_anchor(lines, anchor):
    """Every index of lines at which the anchor stands."""
    first, count = anchor[0], len(anchor)
    found, at = [], -1
    while True:
        try:
            at = lines.index(first, at + 1)
        except ValueError:
            return found
        if lines[at:at + count] == anchor:
            found.append(at)


def locate(name, patch, lines, problems=None):
    """Where each hunk of a file goes: [(index, hunk)]."""
    places, floor = [], 0
    for number, hunk in enumerate(patch.hunks, 1):
        what = f'{name}: hunk {number} of {patch.path}'
        if not hunk.old:
            raise PatchError(f'{what} has no context at all')
        found = find_anchor(lines, hunk.old)
        shown = '\n'.join('    | ' + text for text in hunk.old)
        if not found:
            complain(problems, f'{what} does not apply: the base has no such '
                     f'place\n{shown}')
        elif len(found) > 1:
            complain(problems, f'{what} fits in {len(found)} places (lines '
                     f'{", ".join(str(at + 1) for at in found)})\n{shown}')
        elif found[0] < floor:
            complain(problems, f'{what} is out of order')
        else:
            floor = found[0] + len(hunk.old)
            places.append((found[0], hunk))
    return places


def apply_patch(name, patch, lines, problems=None):
    out, done = [], 0
    for at, hunk in locate(name, patch, lines, problems):
        out += lines[done:at] + hunk.new
        done = at + len(hunk.old)
    return out + lines[done:]


def format_file(path, lines, changes, known=()):
    """A diff of one file from its old lines and [(start, length, new)].

    Each hunk has the least context, from one line on each side, that makes
    its anchor unique; hunks that then touch are merged.  One of the known
    hunks that does without the context of a side stays as it is: where bases
    differ beside it, it is for all of them.
    """
    groups = [[change] for change in changes]
    context = [1] * len(groups)
    while True:
        merge_touching(groups, context)
        wide = next((i for i, group in enumerate(groups)
                     if context[i] < MAX_CONTEXT and not
                     anchor_unique(lines, group, context[i])), None)
        if wide is None:
            break
        context[wide] += 1
    out, shift = [f'--- a/{path}', f'+++ b/{path}'], 0
    for group, width in zip(groups, context):
        sides = narrow_sides(lines, group, width, known)
        text, grown = format_hunk(lines, group, sides, shift)
        out += text
        shift += grown
    return '\n'.join(out) + '\n'


def hunk_span(lines, group, before, after):
    start = max(0, group[0][0] - before)
    end = min(len(lines), group[-1][0] + group[-1][1] + after)
    return start, end


def merge_touching(groups, context):
    at = 0
    while at + 1 < len(groups):
        end = groups[at][-1][0] + groups[at][-1][1] + context[at]
        if groups[at + 1][0][0] - context[at + 1] < end:
            groups[at] += groups.pop(at + 1)
            context[at] = max(context[at], context.pop(at + 1))
        else:
            at += 1


def anchor_unique(lines, group, before, after=None):
    start, end = hunk_span(lines, group, before,
                           before if after is None else after)
    return start < end and len(find_anchor(lines, lines[start:end])) == 1


def edge_context(hunk):
    """Context lines before the first and after the last change."""
    tags = [tag for tag, _ in hunk.lines]
    changes = [at for at, tag in enumerate(tags) if tag != ' ']
    if not changes:
        return 0, 0
    return changes[0], len(tags) - 1 - changes[-1]


def narrow_sides(lines, group, width, known):
    """Lines of context before and after: width, unless a hunk has fewer."""
    body = [(text[0], text[1:])
            for text in hunk_body(lines, group, group[0][0],
                                  group[-1][0] + group[-1][1])]
    for hunk in known:
        before, after = edge_context(hunk)
        if hunk.lines[before:len(hunk.lines) - after] == body and \
                0 in (before, after) and max(before, after) <= width and \
                anchor_unique(lines, group, before, after):
            return before, after
    return width, width


def hunk_body(lines, group, start, end):
    body, at = [], start
    for first, count, new in group:
        body += [' ' + text for text in lines[at:first]]
        body += ['-' + text for text in lines[first:first + count]]
        body += ['+' + text for text in new]
        at = first + count
    return body + [' ' + text for text in lines[at:end]]


def format_hunk(lines, group, sides, shift):
    start, end = hunk_span(lines, group, *sides)
    body = hunk_body(lines, group, start, end)
    grown = sum(len(new) - count for _, count, new in group)
    old, new = end - start, end - start + grown
    head = f'@@ -{start + 1},{old} +{start + 1 + shift},{new} @@'
    body = [text.replace(NO_NEWLINE, '\n' + NO_NEWLINE_LINE) for text in body]
    return [head] + body, grown


def parse_changes(diff_u0):
    """{path: [(start, length, new lines)]} of a `git diff -U0`."""
    files, changes, left, tag = {}, None, 0, ''
    for line in diff_u0.split('\n'):
        match = HUNK.match(line)
        if line.startswith('\\') and changes:
            if tag == '+':
                changes[-1][2][-1] += NO_NEWLINE
        elif left > 0:
            left, tag = left - 1, line[:1]
            if tag == '+':
                changes[-1][2].append(line[1:])
        elif line.startswith('+++ b/'):
            changes = files.setdefault(line[6:].rstrip('\t'), [])
        elif match:
            start, count = int(match.group(1)), int(match.group(2) or 1)
            left = count + int(match.group(4) or 1)
            changes.append((start if count == 0 else start - 1, count, []))
    return files
