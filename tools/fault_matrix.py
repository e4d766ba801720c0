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

"""Run the matrix of operations and faults, and print what came of it.

The tests are those of the driver's integration.test_faults. Each leaves a
line of JSON in the directory that DSWARE_TEST_FAULTS_RESULTS names; tables
are made of all lines that are there. Several runs can add to one directory:
of a case that was run more than once the last outcome counts.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# The outcomes that a case can have, as the tests record them, and how the
# tables call them.
OUTCOMES = {
    'done': 'done',
    'done, tidied later': 'done, tidied later',
    'failed, nothing changed': 'failed, nothing changed',
    'failed, repaired later': 'failed, repaired later',
    'TEST FAILED': 'wrong',
}
_DONE = ('done', 'done, tidied later')
_FAILED = ('failed, nothing changed', 'failed, repaired later')
_WRONG = 'TEST FAILED'
_TESTS = pathlib.Path('cinder', 'tests', 'unit', 'volume', 'drivers',
                      'dsware', 'integration')
_TOP = pathlib.Path(__file__).resolve().parent.parent


def read(directory):
    """Read what cases have recorded.

    :param directory: where the files with their lines are
    :returns: a list of dicts, one for each case, the last of its runs
    """
    found = {}
    files = sorted(pathlib.Path(directory).glob('*.json'),
                   key=lambda path: path.stat().st_mtime)
    for path in files:
        for line in path.read_text().splitlines():
            case = json.loads(line)
            found[tuple(case[key] for key in (
                'operation', 'request', 'fault', 'transport'))] = case
    return list(found.values())


def matrix(cases):
    """Count outcomes by operation and family of faults.

    :param cases: what :func:`read` gives
    :returns: rows of texts, the first of which is the heading. A cell has
        the number of cases that were done, and, after +, of those that
        failed as they should; "!" and a number for those that went wrong.
    """
    columns = _in_order(cases, 'family')
    cells = collections.defaultdict(collections.Counter)
    for case in cases:
        cells[case['operation'], case['family']][case['outcome']] += 1
    rows = [['operation', *columns]]
    for operation in _in_order(cases, 'operation'):
        rows.append([operation, *(_cell(cells[operation, column])
                                  for column in columns)])
    return rows


def _in_order(cases, key):
    return sorted({case[key] for case in cases})


def _cell(counts):
    if not counts:
        return '-'
    done = sum(counts[outcome] for outcome in _DONE)
    failed = sum(counts[outcome] for outcome in _FAILED)
    text = str(done) if done or not failed else ''
    if failed:
        text += f'+{failed}'
    if counts[_WRONG]:
        text += f'!{counts[_WRONG]}'
    return text


def summary(cases, key):
    """Count outcomes by one property of the cases.

    :param cases: what :func:`read` gives
    :param key: operation, family or transport
    :returns: rows of texts: the heading, one for each value, the sum
    """
    rows = [[key, 'cases', *OUTCOMES.values(), 'errors']]
    groups = collections.defaultdict(list)
    for case in cases:
        groups[case[key]].append(case)
    for value in sorted(groups):
        rows.append([value, *_sums(groups[value])])
    return [*rows, ['all', *_sums(cases)]]


def _sums(cases):
    counts = collections.Counter(case['outcome'] for case in cases)
    errors = sorted({case['error'] for case in cases} - {''})
    return [str(len(cases)), *(str(counts[name]) for name in OUTCOMES),
            ', '.join(errors)]


def text(rows):
    """Lay a table out.

    :param rows: rows of texts
    :returns: the table as text
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return '\n'.join('  '.join(
        cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in rows)


def compact(rows):
    """Lay a wide table out, with numbers for its columns.

    :param rows: rows of texts, the first of which is the heading
    :returns: the table as text, with what the numbers stand for
    """
    heading = rows[0]
    numbers = [str(i) for i in range(1, len(heading))]
    legend = [f'  {number:>2}  {name}'
              for number, name in zip(numbers, heading[1:])]
    return '\n'.join([text([[heading[0], *numbers], *rows[1:]]), '',
                      *legend])


def show(cases):
    """Print all tables.

    :param cases: what :func:`read` gives
    """
    if not cases:
        print('No case of the fault matrix was run.')
        return
    print('Operations and faults: cases done, +failed as they should, '
          '!wrong\n')
    print(compact(matrix(cases)))
    for key in ('operation', 'family', 'transport'):
        print('\n' + text(summary(cases, key)))


def write(cases, directory):
    """Write all tables as CSV.

    :param cases: what :func:`read` gives
    :param directory: where the files go
    """
    tables = {'matrix': matrix(cases)}
    for key in ('operation', 'family', 'transport'):
        tables[key] = summary(cases, key)
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with open(directory / f'{name}.csv', 'w', newline='') as file:
            csv.writer(file, lineterminator='\n').writerows(rows)


def run(options, results):
    """Run the tests.

    :param options: the program's
    :param results: the directory of their results
    :returns: stestr's exit status
    """
    environment = {**os.environ, 'DSWARE_TEST_FAULTS_RESULTS': str(results)}
    if options.long:
        environment['DSWARE_TEST_FAULTS'] = 'all'
    command = ['stestr', '--test-path', str(_TESTS)]
    if options.repository:
        # stestr does not make one whose parent is missing.
        os.makedirs(options.repository, exist_ok=True)
        command += ['--repo-url', options.repository]
    command += ['run', '--concurrency', str(options.workers)]
    chosen = options.tests or ['FaultTestCase']
    return subprocess.run(
        [*command, *chosen], cwd=_TOP, env=environment, check=False
    ).returncode


def parse(argv):
    """Read the program's arguments.

    :param argv: the arguments
    :returns: a namespace
    """
    parser = argparse.ArgumentParser(
        prog='fault_matrix', description='Run the matrix of operations and '
        'faults on simulated clusters, and print what came of it.')
    parser.add_argument('tests', nargs='*', metavar='REGEX',
                        help='only the tests whose names match')
    parser.add_argument('--long', action='store_true',
                        help='all products, not a choice of them; takes '
                        'hours of waiting')
    parser.add_argument('--workers', type=int, metavar='N', default=int(
        os.environ.get('DSWARE_TEST_WORKERS', 4)),
        help='processes that run tests')
    parser.add_argument('--results', type=pathlib.Path, metavar='DIR',
                        help='keep the outcomes there; those that are there '
                        'are shown too')
    parser.add_argument('--csv', type=pathlib.Path, metavar='DIR',
                        help='write the tables there, too')
    parser.add_argument('--show', action='store_true',
                        help='run nothing, only show what is in --results')
    parser.add_argument('--repository', metavar='DIR',
                        help="where stestr's own results are")
    return parser.parse_args(argv)


def main(argv=None):
    """Run and show.

    :param argv: the arguments, those of the process by default
    :returns: the exit status; not 0 when a test failed
    """
    options = parse(argv)
    with tempfile.TemporaryDirectory() as temporary:
        results = options.results or pathlib.Path(temporary)
        status = 0 if options.show else run(options, results.absolute())
        cases = read(results)
        show(cases)
        if options.csv:
            write(cases, options.csv)
    return status


if __name__ == '__main__':
    sys.exit(main())
