# SPDX-License-Identifier: GPL-2.0-or-later
"""The graft: a base tree, our files and the queue made into git commits.

Everything is computed on git objects, in a temporary index, so that the
working tree sees one checkout at the end and an unchanged file keeps its
time stamp.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

from patchtext import Entry, MissingTool, PatchError, apply_patch, complain, \
    format_file, join_lines, parse_changes, split_lines

REPO = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PATCHES = os.path.join(REPO, 'patches')
BASES = os.path.join(PATCHES, 'bases')

# ZNS_BUILD: another build directory; make QEMU=10.2 says build/10.2
BUILD = os.path.abspath(os.environ.get('ZNS_BUILD') or
                        os.path.join(REPO, 'build'))
GRAFTED = os.path.join(BUILD, 'qemu')

# What of the repository is linked into the grafted tree.
OVERLAY_DIRS = ('block', 'include', 'hw', 'qapi', 'system', 'docs/interop',
                'docs/devel', 'docs/system', 'docs/tools',
                'tests/crash', 'tests/fuzz/block', 'tests/qemu-iotests',
                'tests/qtest', 'tests/zone')
# Files elsewhere that are, among others that stay here
OVERLAY_GLOBS = ('tests/bench/*.[ch]', 'tests/unit/zone-reference.[ch]')

# What of the base is left out: sources of firmware, which packages provide,
# are two thirds of the files and no part of the build.
BASE_SKIP = ('roms',)

AUTHOR = 'Persistent ZNS for QEMU'
EMAIL = 'zns@qemu.invalid'
FIRST_DATE = 1735689600

HEAD_REF = 'refs/heads/graft'
LAST_REF = 'refs/graft/last'
PREVIOUS_REF = 'refs/graft/previous'


def say(*words):
    print('==>', *words, file=sys.stderr, flush=True)


class Git:
    """Git on one tree, deaf to the user's own configuration."""

    def __init__(self, tree):
        self.tree = tree
        self.dir = os.path.join(tree, '.git')

    def environ(self, **extra):
        env = {key: value for key, value in os.environ.items()
               if not key.startswith('GIT_')}
        env.update(GIT_DIR=self.dir, GIT_WORK_TREE=self.tree,
                   GIT_CONFIG_GLOBAL='/dev/null', GIT_CONFIG_NOSYSTEM='1',
                   LC_ALL='C', GIT_AUTHOR_NAME=AUTHOR, GIT_AUTHOR_EMAIL=EMAIL,
                   GIT_COMMITTER_NAME=AUTHOR, GIT_COMMITTER_EMAIL=EMAIL)
        env.update(extra)
        return env

    def run(self, *words, data=None, check=True, **env):
        result = subprocess.run(
            ['git', *words], cwd=self.tree, env=self.environ(**env),
            input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding='utf-8', errors='surrogateescape', check=False)
        if check and result.returncode:
            raise PatchError(f'git {" ".join(words[:3])}: '
                             f'{(result.stderr or result.stdout).strip()}')
        return result

    def __call__(self, *words, **more):
        return self.run(*words, **more).stdout.rstrip('\n')

    def ref(self, name):
        result = self.run('rev-parse', '-q', '--verify', name + '^{}',
                          check=False)
        return result.stdout.strip() or None

    def show_lines(self, tree, path):
        text = self.run('cat-file', 'blob', f'{tree}:{path}').stdout
        return split_lines(text)

    def write_blob(self, text):
        return self('hash-object', '-w', '--stdin', data=text)

    def tree_of(self, commit):
        return self('rev-parse', commit + '^{tree}')

    def commit_tree(self, tree, parent, message, number):
        date = f'{FIRST_DATE + number} +0000'
        words = ['commit-tree', tree] + (['-p', parent] if parent else [])
        return self(*words, data=message, GIT_AUTHOR_DATE=date,
                    GIT_COMMITTER_DATE=date)

    def merge3(self, base, ours, theirs):
        """Tree of the three-way merge of trees, or (None, what clashes)."""
        if base == ours:
            return theirs, ''
        if base in (theirs, None) or ours == theirs:
            return ours, ''
        root = self.commit_tree(base, None, 'base', 0)
        left = self.commit_tree(ours, root, 'ours', 0)
        right = self.commit_tree(theirs, root, 'theirs', 0)
        result = self.run('merge-tree', '--write-tree', '--name-only', left,
                          right, check=False)
        lines = result.stdout.split('\n')
        if result.returncode:
            return None, ' '.join(line for line in lines[1:]
                                  if line and '/' in line.split(' ')[0])
        return lines[0], ''


class TempIndex:
    """Edits a tree object by object."""

    def __init__(self, git, tree):
        self.git = git
        self.file = os.path.join(git.dir, f'graft-index.{os.getpid()}')
        self.run('read-tree', tree)

    def run(self, *words, **more):
        return self.git(*words, GIT_INDEX_FILE=self.file, **more)

    def put(self, entries):
        """entries: (mode, blob, path)."""
        text = ''.join(f'{mode} {blob}\t{path}\n'
                       for mode, blob, path in entries)
        self.run('update-index', '--add', '--index-info', data=text)

    def modes(self, paths):
        """{path: mode} of those of the paths that exist."""
        out = self.run('ls-files', '-s', '-z', '--', *paths)
        rows = [row.split('\t', 1) for row in out.split('\0') if row]
        return {path: info.split()[0] for info, path in rows}

    def write(self):
        return self.run('write-tree')

    def close(self):
        for name in (self.file, self.file + '.lock'):
            if os.path.exists(name):
                os.unlink(name)


def version_of(text):
    """Numbers that compare; 10.1.50 and later are on the way to 10.2."""
    numbers = [int(number) for number in re.findall(r'\d+', text)]
    if len(numbers) > 2 and numbers[2] >= 50:
        numbers[1:] = [numbers[1] + 1]
    return numbers


class Range:
    """Bases that a line of the series is for: [<10.2], [>=10.1 <10.2]."""

    BOUND = re.compile(r'(>=|<)(\d+\.\d+)$')

    def __init__(self, text=''):
        self.text = text
        self.bounds = []
        for word in text.split():
            match = self.BOUND.match(word)
            if not match:
                raise PatchError(f'patches/series: "[{text}]" is no range of '
                                 'versions, like [<10.2] or [>=10.1 <10.2]')
            self.bounds.append((match[1], version_of(match[2])))

    def __contains__(self, version):
        return all((version_of(version) >= bound) == (sign == '>=')
                   for sign, bound in self.bounds)


def known_bases():
    """[(series, Debian release)] of patches/bases."""
    rows = [line.split('#')[0].split()
            for line in read_text(BASES).split('\n')]
    return [tuple(row) for row in rows if row]


class Overlay:
    """A series line that brings in files of ours."""

    is_overlay = True
    range = Range()

    def __init__(self, words, subject):
        self.name = 'overlay: ' + subject
        self.subject = subject
        self.words = words
        self.files = []

    def message(self):
        return f'{self.subject}\n\nQueue-Entry: {self.name}\n'


class Hook:
    """A series line that names a file of the queue."""

    is_overlay = False

    def __init__(self, line, comment):
        self.name, _, bounds = line.rstrip(']').partition('[')
        self.name = self.name.strip()
        self.range = Range(bounds.strip())
        self.comment = comment
        self.path = os.path.join(PATCHES, self.name)

    def load(self):
        if not os.path.isfile(self.path):
            raise PatchError(f'patches/series names {self.name}, which is not '
                             'there')
        return Entry(self.name, read_text(self.path))

    def message(self):
        return self.load().message()


def read_text(path):
    with open(path, encoding='utf-8', errors='surrogateescape') as f:
        return f.read()


def write_text(path, text):
    with open(path, 'w', encoding='utf-8', errors='surrogateescape') as f:
        f.write(text)


def load_series(version=None):
    """The lines of the series; with a base's version, those for it."""
    entries = []
    for raw in read_text(os.path.join(PATCHES, 'series')).split('\n'):
        line, _, comment = raw.partition('#')
        line, comment = line.strip(), comment.strip()
        if not line:
            continue
        if line.startswith('overlay:'):
            if not comment:
                raise PatchError(f'patches/series: "{line}" needs "# subject"')
            entries.append(Overlay(line[len('overlay:'):].split(), comment))
        else:
            entries.append(Hook(line, comment))
    assign_overlay(entries)
    return [entry for entry in entries
            if version is None or version in entry.range]


def overlay_files():
    """Every file of ours that belongs in the grafted tree."""
    git = subprocess.run(
        ['git', 'ls-files', '-z', '-co', '--exclude-standard', '--',
         *OVERLAY_DIRS, *OVERLAY_GLOBS], cwd=REPO, env=Git(REPO).environ(),
        capture_output=True, text=True, check=False)
    if git.returncode == 0:
        found = {name for name in git.stdout.split('\0') if name}
    else:
        found = {os.path.relpath(os.path.join(top, name), REPO)
                 for base in OVERLAY_DIRS
                 for top, _, names in os.walk(os.path.join(REPO, base))
                 for name in names if not name.endswith(('.pyc', '~'))}
        found |= {os.path.relpath(name, REPO) for pattern in OVERLAY_GLOBS
                  for name in glob.glob(os.path.join(REPO, pattern))}
    return sorted(name for name in found
                  if os.path.isfile(os.path.join(REPO, name)))


def assign_overlay(entries):
    """Each file of ours to one series line: by its name, else by directory."""
    files, taken = overlay_files(), {}
    wanted = [(entry, word) for entry in entries if entry.is_overlay
              for word in entry.words]
    for entry, word in sorted(wanted, key=lambda item: item[1].endswith('/')):
        match = [name for name in files if name == word or
                 (word.endswith('/') and name.startswith(word))]
        if not match:
            raise PatchError(f'patches/series: "{entry.name}" names {word}, '
                             'which is not there')
        for name in match:
            if name not in taken:
                taken[name] = entry
                entry.files.append(name)
            elif name == word:
                raise PatchError(f'patches/series names {name} twice')
    missing = [name for name in files if name not in taken]
    if missing:
        raise PatchError('no line of patches/series brings in:\n    ' +
                         '\n    '.join(missing))


# --- the base -------------------------------------------------------------

def base_files(base):
    """(path, stat) of the base's source: no repository, no build tree."""
    found = []
    for top, dirs, names in os.walk(base):
        rel = os.path.relpath(top, base)
        rel = '' if rel == '.' else rel + '/'
        if rel and (os.path.exists(os.path.join(top, 'meson-private')) or
                    os.path.exists(os.path.join(top, 'build.ninja'))):
            dirs[:] = []
            continue
        links = [name for name in dirs
                 if os.path.islink(os.path.join(top, name))]
        dirs[:] = sorted(name for name in dirs
                         if name not in links + ['.git', '__pycache__'] and
                         rel + name not in BASE_SKIP)
        for name in names + links:
            if name != '.git':
                found.append((rel + name,
                              os.lstat(os.path.join(top, name))))
    return sorted(found, key=lambda item: item[0])


def fingerprint(base, files):
    digest = hashlib.sha256(os.path.realpath(base).encode())
    for path, st in files:
        row = f'{path}\0{st.st_size}\0{st.st_mtime_ns}\0{st.st_mode}\n'
        digest.update(row.encode('utf-8', 'surrogateescape'))
    return digest.hexdigest()


def check_base(base):
    version = os.path.join(base, 'VERSION')
    if not os.path.isfile(version) or \
            not os.path.isfile(os.path.join(base, 'hw/nvme/ctrl.c')):
        raise PatchError(f'{base} is not a QEMU source tree')
    return read_text(version).strip()


def base_version(git):
    """VERSION of the base that a tree was grafted on."""
    return git('cat-file', 'blob', 'refs/graft/base:VERSION').strip()


def fast_import(git, base, files, message):
    """One commit of all the files, as one pack."""
    out = tempfile.TemporaryFile()
    text = message.encode()
    out.write(b'commit refs/graft/import\n'
              b'committer %s <%s> %d +0000\ndata %d\n%s\n'
              % (AUTHOR.encode(), EMAIL.encode(), FIRST_DATE, len(text), text))
    for path, st in files:
        full = os.path.join(base, path)
        if os.path.islink(full):
            mode, data = b'120000', os.readlink(full).encode()
        else:
            mode = b'100755' if st.st_mode & 0o100 else b'100644'
            with open(full, 'rb') as f:
                data = f.read()
        name = path.encode('utf-8', 'surrogateescape')
        out.write(b'M %s inline %s\ndata %d\n' % (mode, name, len(data)))
        out.write(data + b'\n')
    out.seek(0)
    subprocess.run(['git', '-c', 'core.compression=1', 'fast-import',
                    '--quiet', '--force', '--date-format=raw'],
                   stdin=out, env=git.environ(), check=True)
    commit = git.ref('refs/graft/import')
    git('update-ref', '-d', 'refs/graft/import')
    return commit


def import_base(git, base):
    """Commit of the base; kept from the last time when nothing changed."""
    version = check_base(base)
    files = base_files(base)
    print_of = fingerprint(base, files)
    note = os.path.join(git.dir, 'graft-base')
    if os.path.exists(note):
        known, commit = read_text(note).split()
        if known == print_of and git.ref(commit):
            return commit
    say(f'copying the base, QEMU {version}: {len(files)} files')
    commit = fast_import(git, base, files, f'base: QEMU {version}\n')
    git('update-ref', 'refs/graft/base', commit)
    write_text(note, f'{print_of} {commit}\n')
    return commit


# --- the chain of commits -------------------------------------------------

def graft_overlay(git, index, entry):
    clash = sorted(index.modes(entry.files))
    if clash:
        raise PatchError(f'the base already has {clash[0]}, which '
                         f'"{entry.name}" would bring in')
    index.put([('120000', git.write_blob(os.path.join(REPO, name)), name)
               for name in entry.files])


def graft_patch(git, index, hook, tree, problems=None):
    """problems: a list that takes what fails, instead of an exception."""
    entry = hook.load()
    if not entry.files:
        raise PatchError(f'{hook.name} has no diff')
    modes = index.modes(entry.paths())
    rows = []
    for patch in entry.files:
        if patch.path not in modes:
            complain(problems, f'{hook.name}: the base has no {patch.path}')
            continue
        lines = git.show_lines(tree, patch.path)
        lines = apply_patch(hook.name, patch, lines, problems)
        rows.append((modes[patch.path], git.write_blob(join_lines(lines)),
                     patch.path))
    index.put(rows)


def graft_cocci(git, index, hook, tree, problems=None):
    entry = hook.load()
    paths = entry.paths()
    if not paths:
        raise PatchError(f'{hook.name} has no Files: line')
    modes = index.modes(paths)
    for path in [path for path in paths if path not in modes]:
        complain(problems, f'{hook.name}: the base has no {path}')
        paths.remove(path)
    blobs = [git('rev-parse', f'{tree}:{path}') for path in paths]
    key = hashlib.sha256('\0'.join([entry.text] + blobs).encode()).hexdigest()
    note = os.path.join(git.dir, 'graft-cocci', key)
    if os.path.exists(note) and \
            all(git.ref(blob) for blob in read_text(note).split()):
        new = read_text(note).split()
    else:
        before = len(problems or ())
        new = run_spatch(git, hook, paths, blobs, problems)
        if before == len(problems or ()):
            os.makedirs(os.path.dirname(note), exist_ok=True)
            write_text(note, '\n'.join(new) + '\n')
    index.put([(modes[path], blob, path) for path, blob in zip(paths, new)])


def run_spatch(git, hook, paths, blobs, problems):
    say(f'{hook.name}: spatch on {" ".join(paths)}')
    if not shutil.which('spatch'):
        raise MissingTool(f'{hook.name} needs spatch (package coccinelle)')
    with tempfile.TemporaryDirectory(prefix='zns-cocci.') as work:
        for path, blob in zip(paths, blobs):
            full = os.path.join(work, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            write_text(full, git.run('cat-file', 'blob', blob).stdout)
        options = hook.load().fields.get('Spatch-Options', '').split()
        result = subprocess.run(
            ['spatch', '--very-quiet', *options, '--sp-file', hook.path,
             '--in-place', *paths], cwd=work, capture_output=True,
            text=True, check=False)
        if result.returncode:
            raise PatchError(f'{hook.name}: spatch failed\n'
                             f'{result.stderr.strip()}')
        new = [git.write_blob(read_text(os.path.join(work, path)))
               for path in paths]
    same = [path for path, a, b in zip(paths, blobs, new) if a == b]
    if same:
        complain(problems,
                 f'{hook.name} changes nothing in {" ".join(same)}')
    return new


def build_chain(git, base_commit, entries, problems=None):
    """[(entry, commit)]: one commit for each entry on top of the base."""
    chain, parent = [], base_commit
    index = TempIndex(git, base_commit)
    try:
        for number, entry in enumerate(entries, 1):
            if entry.is_overlay:
                graft_overlay(git, index, entry)
            elif entry.name.endswith('.cocci'):
                graft_cocci(git, index, entry, parent, problems)
            else:
                graft_patch(git, index, entry, parent, problems)
            parent = git.commit_tree(index.write(), parent, entry.message(),
                                     number)
            chain.append((entry, parent))
    finally:
        index.close()
    return chain


def graft_stamp(base_commit, entries):
    """Changes when anything that the graft depends on does."""
    digest = hashlib.sha256(f'{REPO}\0{base_commit}\0'.encode())
    for entry in entries:
        text = '\0'.join(entry.files) if entry.is_overlay else \
            entry.load().text
        digest.update(f'{entry.name}\0{text}\0'.encode('utf-8',
                                                       'surrogateescape'))
    for name in ('graftlib.py', 'patchtext.py'):
        digest.update(read_text(os.path.join(REPO, 'scripts', name)).encode())
    return digest.hexdigest()


def diffs_digest(entries):
    """Changes when a diff of the queue does; header lines do not count."""
    digest = hashlib.sha256()
    for entry in entries:
        if not entry.is_overlay and os.path.isfile(entry.path):
            loaded = entry.load()
            text = loaded.text if loaded.is_cocci else loaded.diff
            if text:
                digest.update(f'{entry.name}\0{text}\0'.encode(
                    'utf-8', 'surrogateescape'))
    return digest.hexdigest()


def read_note(git, name):
    path = os.path.join(git.dir, name)
    return read_text(path).strip() if os.path.exists(path) else ''


def write_notes(git, base_commit, entries):
    """Remembers what the tree was grafted from."""
    for name, text in (('graft-stamp', graft_stamp(base_commit, entries)),
                       ('graft-diffs', diffs_digest(entries))):
        write_text(os.path.join(git.dir, name), text + '\n')


# --- the working tree -----------------------------------------------------

def open_tree(tree):
    """The grafted tree's repository, made when it is not there."""
    git = Git(tree)
    if not os.path.isdir(git.dir):
        os.makedirs(tree, exist_ok=True)
        git('init', '-q')
        git('symbolic-ref', 'HEAD', HEAD_REF)
        for key, value in (('core.autocrlf', 'false'), ('gc.auto', '0'),
                           ('core.symlinks', 'true'),
                           ('commit.gpgsign', 'false'),
                           ('advice.detachedHead', 'false')):
            git('config', key, value)
    return git


def changed_paths(git):
    """Tracked paths that differ from HEAD, with git's letter for how."""
    git.run('update-index', '-q', '--refresh', check=False)
    out = git('diff-index', '--name-status', '--no-renames', 'HEAD')
    return [tuple(line.split('\t', 1)) for line in out.split('\n') if line]


def check_no_rebase(git):
    for name in ('rebase-merge', 'rebase-apply', 'CHERRY_PICK_HEAD'):
        if os.path.exists(os.path.join(git.dir, name)):
            raise PatchError(f'{git.tree}: a rebase or cherry-pick is under '
                             'way: finish or abort it first')


def check_nothing_lost(git, commit):
    """Refuses when going to the commit would overwrite somebody's work."""
    head, last = git.ref('HEAD'), git.ref(LAST_REF)
    if not head:
        return
    check_no_rebase(git)
    if head != last:
        raise PatchError(
            f'{git.tree} has commits that the queue does not: write them back '
            'with scripts/queue-refresh, or drop them with '
            'scripts/graft --force')
    touched = set(git('diff-tree', '-r', '--name-only', '--no-renames', head,
                      commit).split('\n'))
    lost = [path for _, path in changed_paths(git) if path in touched]
    if lost:
        shown = '\n    '.join(lost[:10])
        raise PatchError(
            f'{git.tree} has uncommitted changes in files that the graft '
            f'would change:\n    {shown}\nfold them into the queue with '
            'scripts/queue-refresh --from-worktree NN-file-verb.patch, or '
            'drop them with scripts/graft --force')


def move_head(git, commit):
    """HEAD and LAST_REF to the commit; what was stays as PREVIOUS_REF."""
    head = git.ref('HEAD')
    if head:
        git('update-ref', PREVIOUS_REF, head)
    git('symbolic-ref', 'HEAD', HEAD_REF)
    git('update-ref', '-m', 'graft', 'HEAD', commit)
    git('update-ref', LAST_REF, commit)


def checkout(git, commit, force=False):
    """Makes the working tree that commit; touches only what differs."""
    head = git.ref('HEAD')
    if force or not head:
        git.run('rebase', '--quit', check=False)
        git('read-tree', '--reset', '-u', commit)
    elif head != commit:
        git('read-tree', '-m', '-u', head, commit)
    move_head(git, commit)


def current_chain(git):
    """[(entry name, subject, commit)] of build/qemu, oldest first."""
    base = git.ref('refs/graft/base')
    out = git('log', '--reverse', '--first-parent', '-z',
              '--format=%H%n%s%n%(trailers:key=Queue-Entry,valueonly)',
              f'{base}..HEAD')
    rows = []
    for record in out.split('\0'):
        lines = record.split('\n')
        if len(lines) >= 2:
            name = lines[2].strip() if len(lines) > 2 else ''
            rows.append((name, lines[1], lines[0]))
    return rows


def diff_text(git, old, new, known=None):
    """The queue's form of the difference between two trees.

    known: the entry as it is; see format_file().
    """
    hunks = {patch.path: patch.hunks for patch in known.files} if known else {}
    status = git('diff-tree', '-r', '--no-renames', '--name-status', old, new)
    for line in status.split('\n'):
        if line and line[0] != 'M':
            raise PatchError(f'a hook changes files, it does not add, remove '
                             f'or retype them: {line}')
    raw = git.run('diff', '-U0', '--no-color', '--no-ext-diff', '--no-renames',
                  '--no-textconv', '--diff-algorithm=histogram',
                  '--src-prefix=a/', '--dst-prefix=b/', old, new).stdout
    return ''.join(format_file(path, git.show_lines(old, path), changes,
                               hunks.get(path, ()))
                   for path, changes in parse_changes(raw).items())


def is_home(bounds, version):
    """Whether an entry has its line numbers from this base."""
    first = next((series for series, _ in known_bases() if series in bounds),
                 version)
    return version_of(version)[:2] == version_of(first)[:2]


def refreshed_diff(git, hook, old, new):
    """The diff between trees, as the queue has it.

    Bases differ in their line numbers: those of the oldest stay.
    """
    known = hook.load() if os.path.exists(hook.path) else None
    diff = diff_text(git, old, new, known)
    if known and not is_home(hook.range, base_version(git)) and \
            without_numbers(diff) == without_numbers(known.diff):
        return known.diff
    return diff


def without_numbers(diff):
    return re.sub(r'^@@ [^@]* @@', '@@', diff, flags=re.M)


def explained_chain(git, base_commit, entries):
    """The chain, or what to do about a hook that does not fit."""
    try:
        return build_chain(git, base_commit, entries)
    except MissingTool:
        raise
    except PatchError as error:
        version = git('cat-file', 'blob', f'{base_commit}:VERSION').strip()
        known = ', '.join(f'{series}.x' for series, _ in known_bases())
        raise PatchError(
            f'{error}\nThe queue does not fit this base, QEMU {version}; it is '
            f'for {known}.\n'
            '  - scripts/graft --try BASE lists all that does not fit;\n'
            '  - docs/devel/porting.rst says how to mend it;\n'
            '  - ./configure without --qemu-src takes a base that fits.'
            ) from error


def try_graft(base, tree):
    """What of the queue does not fit a base; no working tree is touched."""
    entries = load_series(check_base(base))
    git = open_tree(tree)
    problems = []
    build_chain(git, import_base(git, base), entries, problems)
    return problems


def graft(base, tree, force=False):
    """Returns True when something changed."""
    entries = load_series(check_base(base))
    git = open_tree(tree)
    base_commit = import_base(git, base)
    fresh = read_note(git, 'graft-stamp') == graft_stamp(base_commit, entries)
    if fresh and not force and git.ref('HEAD') == git.ref(LAST_REF):
        return False
    chain = explained_chain(git, base_commit, entries)
    commit = chain[-1][1] if chain else base_commit
    if not force:
        check_nothing_lost(git, commit)
    checkout(git, commit, force)
    write_notes(git, base_commit, entries)
    return True
