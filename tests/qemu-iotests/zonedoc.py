# Command lines of the documentation: what zone-guide and zone-recipes share
#
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A command line is what follows a prompt, indented by four columns, with the
# lines that a backslash continues.  What is printed follows it, indented alike;
# "[...]" there stands for any lines.

import os
import re
import shlex
from typing import List, NamedTuple

import iotests

DEVICES = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                       *2 * [os.pardir], 'docs', 'system', 'devices')
LEFT_OUT = '[...]'


class Step(NamedTuple):
    words: List[str]
    printed: List[str]


def page(name: str) -> str:
    with open(os.path.join(DEVICES, name), encoding='utf-8') as f:
        return f.read()


def commands(text: str, program: str) -> List[List[str]]:
    """What follows a prompt, words of one command together"""
    joined = text.replace('\\\n', '')
    return [shlex.split(line)[1:] for line in
            re.findall(rf'^    \$ ({program} .*)$', joined, re.M)]


def steps(text: str) -> List[Step]:
    """All command lines of our programs, with what is printed below them"""
    found: List[Step] = []
    printed: List[str] = []
    for line in text.replace('\\\n', '').split('\n'):
        prompt = re.match(r'    \$ (.*)', line)
        if prompt:
            printed = []
            found.append(Step(shlex.split(prompt[1]), printed))
        elif line.startswith('    '):
            printed.append(line[4:])
        elif line:
            printed = []
        else:
            printed.append('')
    for step in found:
        while step.printed and not step.printed[-1]:
            step.printed.pop()
    return found


def is_printed(printed: List[str], output: str) -> bool:
    """Is the output what the page has, but for what is left out there?"""
    pattern = r'\A'
    for line in printed:
        pattern += '(?:.*\n)*' if line == LEFT_OUT else re.escape(line) + '\n'
    return bool(re.search(pattern + r'\Z', output))


def image(name: str) -> str:
    return os.path.join(iotests.test_dir, f'{name}.qcow2')


def placed(words: List[str]) -> List[str]:
    """With images in the directory of the test, sockets in that for sockets"""
    placed_images = [re.sub(r'(?:/srv/zns/)?\b(\w+)\.qcow2',
                            lambda found: image(found[1]), word)
                     for word in words]
    return [re.sub(r'\b(\w+\.sock)',
                   lambda found: os.path.join(iotests.sock_dir, found[1]), word)
            for word in placed_images]
