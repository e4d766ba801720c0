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

"""``tox -e load``: runs the load, judges it, writes a report."""

import argparse
import json
import os
import sys
import tempfile

from functional.load import judge
from functional.load import report
from functional.load import run


def _arguments():
    parser = argparse.ArgumentParser(
        prog='tox -e load --', description=(
            'Lets many workers use the driver on a simulated cluster whose '
            'agents and whose process are restarted meanwhile, and judges '
            'by counts what is left.'))
    parser.add_argument('--minutes', type=float, default=2,
                        help='how long (%(default)s)')
    parser.add_argument('--workers', type=int, default=64)
    parser.add_argument('--volumes', type=int, default=10_000,
                        help='that are there all the time (%(default)s)')
    parser.add_argument('--connections', type=int, default=16,
                        help='dsware_max_connections (%(default)s)')
    parser.add_argument('--timeout', type=int, default=60,
                        help='dsware_request_timeout (%(default)s)')
    parser.add_argument('--round-seconds', type=float, default=8,
                        help='after which all is removed and counted '
                             '(%(default)s)')
    parser.add_argument('--threads', default='native',
                        choices=['native', 'eventlet'])
    parser.add_argument('--seed', default='1',
                        help='chooses what the workers do (%(default)s)')
    parser.add_argument('--output', help=(
        'directory for load.txt, load.json and the picture load.svg'))
    parser.add_argument('--again', metavar='FILE', help=(
        'judge and report a run whose load.json there is, run nothing'))
    return parser.parse_args()


def _run(options):
    with tempfile.TemporaryDirectory(prefix='dsware-load-') as directory:
        return run.Load(options, directory).run()


def _again(path):
    with open(path) as data:
        return json.load(data)


def _write(seen, text, output):
    """Write the report; a run is worth it however it ended."""
    os.makedirs(output, exist_ok=True)
    with open(os.path.join(output, 'load.json'), 'w') as data:
        json.dump(seen, data)
    with open(os.path.join(output, 'load.txt'), 'w') as table:
        table.write(text + '\n')
    report.draw(seen, os.path.join(output, 'load.svg'))


def main():
    """Do what the command line says.

    :returns: the exit status
    """
    options = _arguments()
    seen = _again(options.again) if options.again else _run(options)
    findings = judge.judge(seen)
    text = '\n'.join(report.table(seen, findings))
    print(text)
    if options.output:
        _write(seen, text, options.output)
    return int(not all(one.passed for one in findings))


if __name__ == '__main__':
    sys.exit(main())
