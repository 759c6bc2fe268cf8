# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests that a program made with GLib has."""
import re
import subprocess

# That of Debian 13 (2.84) lists them as comments of TAP
LISTED = re.compile(r'^(?:# )?(/\S+)$', re.M)


def list_tests(program, **kwargs):
    """Their paths, as -p takes them; kwargs are those of subprocess.run()."""
    text = subprocess.run([program, '-l'], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          **kwargs).stdout
    return LISTED.findall(text)
