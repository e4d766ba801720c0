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

"""Print what a run of tox came to, as 'N passed, N failed, N skipped'.

Before that line stands the name of each failed test; why it failed was printed
when its environment ended.

Counted are the tests, from the results that stestr keeps in the directory of
each environment, and as one failure more each environment that failed
without a failed test.

Usage: ci_totals.py RESULT, the file of tox --result-json
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

_TOX = pathlib.Path(__file__).resolve().parent.parent / '.tox'


def tests(directory):
    """Count the tests of the last run of an environment.

    :param directory: the environment's
    :returns: a Counter with the keys passed, failed and skipped, empty when
        the environment ran no tests
    """
    if not (directory / '.stestr').exists():
        return collections.Counter()
    stream = subprocess.run(
        [directory / 'bin' / 'stestr', '--repo-url', directory,
         'last', '--subunit'], stdout=subprocess.PIPE, check=False).stdout
    text = subprocess.run(
        [directory / 'bin' / 'subunit-stats'], input=stream,
        stdout=subprocess.PIPE, check=False).stdout.decode()
    return collections.Counter({
        name.lower(): int(number) for name, number in
        re.findall(r'^(Passed|Failed|Skipped) tests: +(\d+)$', text, re.M)})


def failed(directory):
    """Tell which tests of the last run of an environment failed.

    :param directory: the environment's
    :returns: a list of their names
    """
    if not (directory / '.stestr').exists():
        return []
    return subprocess.run(
        [directory / 'bin' / 'stestr', '--repo-url', directory,
         'failing', '--list'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        check=False).stdout.decode(errors='replace').split()


def total(environments, directory):
    """Add up what the environments came to, and print what failed.

    :param environments: testenvs of tox's result
    :param directory: where the directories of the environments are
    :returns: a Counter, see tests()
    """
    totals = collections.Counter()
    for name, environment in environments.items():
        if 'result' not in environment:
            # Not one that was run, such as the one that builds the package.
            continue
        found = tests(directory / name)
        if not environment['result']['success'] and not found['failed']:
            found['failed'] = 1
        if found['failed']:
            for test in failed(directory / name) or ['no failed test']:
                print('%s: %s' % (name, test))
        totals += found
    return totals


def main(path, directory=_TOX):
    """Print the totals.

    :param path: the file of tox --result-json
    :param directory: where the directories of the environments are
    :returns: the exit status, 0 when tests were run and all passed
    """
    totals = collections.Counter()
    try:
        environments = json.loads(path.read_text())['testenvs']
    except (OSError, ValueError, KeyError):
        # tox was ended before it wrote a result, which is a failure more.
        totals['failed'] = 1
        environments = {results.parent.name: {'result': {'success': True}}
                        for results in directory.glob('*/.stestr')}
    totals += total(environments, directory)
    print('%d passed, %d failed, %d skipped' % (
        totals['passed'], totals['failed'], totals['skipped']))
    return 0 if totals['passed'] and not totals['failed'] else 1


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
