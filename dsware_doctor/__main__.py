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

"""``python -m dsware_doctor``, and the command ``dsware-doctor``."""

import argparse
import importlib
import sys

CHECKS = ('backend', 'host')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='dsware-doctor',
        description='Check what attaches Dsware volumes.',
        epilog='"dsware-doctor CHECK --help" tells the options of a check.')
    parser.add_argument(
        'check', metavar='CHECK', choices=CHECKS,
        help='backend: the configuration of cinder-volume, and the cluster; '
        'host: a host that attaches volumes, and what is attached there')
    parser.add_argument('options', metavar='...', nargs=argparse.REMAINDER,
                        help='options of the check')
    return parser


def main(argv: list[str] | None = None) -> int:
    """Be the program.

    :param argv: the arguments, None for those of this process
    :returns: exit status
    """
    args = _parser().parse_args(argv)
    try:
        command = importlib.import_module(
            'dsware_doctor.%s.command' % args.check)
    except ImportError as error:
        needed = {'backend': 'Cinder', 'host': 'os-brick'}[args.check]
        service = {'backend': 'cinder-volume',
                   'host': 'the services'}[args.check]
        sys.exit(f'This needs {needed}, which {sys.executable} does not have '
                 f'({error}). Run it with the Python of {service}.')
    return command.main(args.options)


if __name__ == '__main__':
    sys.exit(main())
