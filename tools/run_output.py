# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""What a run of tox prints of an environment: little when all is well.

Used by toxfile.py. Everything that the commands of an environment print is
in its directory of logs, in FILE, as it comes.
"""

import re

FILE = 'output.log'

# Lines of stestr. The words are those of its totals.
_COUNT = re.compile(r'^ - (Passed|Failed|Skipped): (\d+)$', re.MULTILINE)
_COVERAGE = re.compile(r'^TOTAL .* (\d[\d.]*%)$', re.MULTILINE)
_REPEATED = re.compile(r'^Failed \d+ tests? - output below:$', re.MULTILINE)
_PASSED = re.compile(r'^\{\d+\} \S+ .*\.\.\. (ok|SKIPPED.*)\n', re.MULTILINE)


def beginning(name):
    """The line for the start of an environment.

    :param name: the environment's
    :returns: the text
    """
    return '%s: started' % name


def end(name, passed, printed, seconds):
    """The line for the end of an environment.

    :param name: the environment's
    :param passed: whether all commands did
    :param printed: what they printed
    :param seconds: how long they took
    :returns: the text
    """
    said = [name + (': passed' if passed else ': FAILED')]
    counts = dict.fromkeys(('Passed', 'Failed', 'Skipped'), 0)
    for word, number in _COUNT.findall(printed):
        counts[word] += int(number)
    if any(counts.values()):
        said.append('tests: %(Passed)d passed, %(Failed)d failed,'
                    ' %(Skipped)d skipped' % counts)
    said += ['coverage: ' + share for share in _COVERAGE.findall(printed)]
    said.append('%d min %02d s' % divmod(round(seconds), 60))
    return ', '.join(said)


def failures(printed):
    """What is to be read when an environment has failed.

    :param printed: what its commands printed
    :returns: from where stestr repeats the tests that failed, if it does;
        otherwise the text without the lines of tests that passed or were
        skipped
    """
    repeated = _REPEATED.search(printed)
    return (printed[repeated.start():] if repeated
            else _PASSED.sub('', printed))
