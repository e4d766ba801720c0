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

"""What the command lines of the checks have in common."""

import argparse
import logging
import sys

from dsware_doctor import formats
from dsware_doctor import report as reports

EPILOG = ('Exit status, as Nagios has it: 0 all is well; 1 there are '
          'warnings; 2 there is something critical, or the command line or '
          'a configuration file is wrong.')
USAGE = 2
_FORMATS = {'json': formats.as_json, 'openmetrics': formats.as_openmetrics}


class _Formatter(logging.Formatter):
    """Keeps what is logged from the terminal, too."""

    def format(self, record):
        """Write a message; see logging.

        :param record: what was logged
        :returns: printable lines
        """
        return '\n'.join(map(formats.shown,
                             super().format(record).split('\n')))


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is printed.

    :param parser: the parser of a check
    """
    parser.add_argument(
        '--format', choices=('table', *_FORMATS), default='table',
        help='how to print what is found; openmetrics is for the textfile '
        "collector of Prometheus' node_exporter")
    parser.add_argument('--json', action='store_const', dest='format',
                        const='json', help='the same as --format json')
    parser.add_argument(
        '-v', '--verbose', action='store_true',
        help='show in the table what is as it should be, too, and each '
        'finding of a kind')
    parser.add_argument('--debug', action='store_true',
                        help='log what is done to standard error')


def log(debug: bool) -> None:
    """Have this process log to standard error.

    :param debug: whether all is logged, or only what ends the process
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(logging.BASIC_FORMAT))
    # What was imported may have logged before.
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL,
                        handlers=[handler], force=True)


def show(report: reports.Report, args: argparse.Namespace) -> int:
    """Print a report.

    :param report: the report
    :param args: what add_output() gave
    :returns: exit status
    """
    report.end()
    if args.format in _FORMATS:
        text = _FORMATS[args.format](report)
    else:
        text = formats.as_table(report, args.verbose)
    sys.stdout.write(text)
    return reports.STATUS[report.severity]


def refuse(parser: argparse.ArgumentParser, error: Exception) -> None:
    """End, because the configuration cannot be used.

    :param parser: the parser of a check
    :param error: what is wrong
    :raises SystemExit: always
    """
    parser.error('the configuration cannot be used: %s'
                 % formats.shown(str(error)))
