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

"""Runs the checker of data; see ``--help``."""

import argparse
import secrets
import sys
import tempfile

from functional.data import checker
from functional.data import selftest


def _run(made, arguments):
    try:
        made.run(arguments.seconds)
    except checker.Found as error:
        print('FAILED with seed %s: %s' % (arguments.seed, error))
        return 1
    print(made.summary())
    return 0


def _self_test(made, arguments):
    found, missed = selftest.run(made)
    print('found: %s; missed: %s' % (', '.join(found),
                                     ', '.join(missed) or 'nothing'))
    return int(bool(missed))


def main():
    """Do what the command line says.

    :returns: the exit status
    """
    parser = argparse.ArgumentParser(
        prog='tox -e data --', description=(
            'Writes to attached volumes while all is done to them that '
            'Cinder can do, under faults, and accounts for every byte. It '
            'uses loop devices as root, and files else.'))
    parser.add_argument('--seconds', type=float, default=600,
                        help='how long (%(default)s)')
    parser.add_argument('--seed', default=secrets.token_hex(4),
                        help='chooses what is done; one by chance')
    parser.add_argument('--self-test', action='store_true', help=(
        'spoil a volume in every way instead, and tell what is found'))
    arguments = parser.parse_args()
    print('seed %s' % arguments.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix='dsware-data-') as directory:
        made = checker.Checker(directory, arguments.seed)
        return (_self_test if arguments.self_test else _run)(made, arguments)


if __name__ == '__main__':
    sys.exit(main())
