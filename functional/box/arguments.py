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

"""The command line of the box."""

import argparse
import pathlib
import sys

from functional.box import tempest

BACKENDS = ('socket', 'rest', 'cli')
#: What is in a directory of results, and nowhere else.
RESULTS = 'versions.txt'


def parse(arguments):
    """Read the command line.

    :param arguments: the arguments
    :returns: an object with an attribute for each option; ``regex`` says
              which of Tempest's tests to run, and is empty for none
    """
    parser = argparse.ArgumentParser(
        prog='python -m functional.box',
        description='Runs Tempest against a whole control plane with two '
                    'backends of a simulated Dsware cluster, and leaves '
                    'what a third-party CI posts.')
    parser.add_argument('--backend', choices=BACKENDS, default=BACKENDS[0],
                        help='how the driver talks to the cluster '
                             '(default: %(default)s)')
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument('--regex', help='run the tests of Tempest whose '
                        'names match, instead of all that concern volumes '
                        'and the scenarios')
    chosen.add_argument('--smoke', action='store_true',
                        help='run a choice of tests, in less than five '
                             'minutes')
    chosen.add_argument('--scenarios', action='store_true',
                        help='run this project\'s own tests of guests and of '
                             'services that are killed, and not Tempest')
    parser.add_argument('--keep', action='store_true',
                        help='leave everything running, say how to use it '
                             'and how to end it; without any of these three '
                             'no tests are run')
    parser.add_argument('--output', metavar='DIR', type=_results,
                        default=str(pathlib.Path(sys.prefix, 'results')),
                        help='where results go; those of an earlier run are '
                             'removed (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=3, metavar='N',
                        help='run N tests at a time (default: %(default)s)')
    args = parser.parse_args(arguments)
    if args.smoke:
        args.regex = tempest.SMOKE
    elif args.scenarios:
        args.regex = ''
    elif args.regex is None:
        args.regex = '' if args.keep else tempest.SUITE
        args.scenarios = not args.keep
    return args


def _results(text):
    """A directory that is not there, is empty, or has earlier results."""
    path = pathlib.Path(text).resolve()
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError('%s is not a directory' % path)
    if path.is_dir() and any(path.iterdir()) and not (
            path / RESULTS).is_file():
        raise argparse.ArgumentTypeError(
            '%s has files that are not results of an earlier run' % path)
    return path
