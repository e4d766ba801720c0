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

"""The command line of the check."""

import argparse
import os
import shlex
import sys

from oslo_config import cfg
from oslo_privsep import priv_context

import cinder.privsep
from cinder import utils
from dsware_doctor.backend import report as reports
from dsware_doctor.backend import run
from dsware_doctor.backend import settings
from dsware_doctor import report as shared

ALL_WELL = 0
PROBLEMS = 1
USAGE = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='dsware-doctor backend',
        description='Check the configuration of Dsware backends and their '
        'clusters. Run it on the host of cinder-volume, with the Python and '
        'as the user that the service runs with, or as root. Nothing is '
        'changed.',
        epilog='Exit status: 0 all is well, 1 there are problems, 2 the '
        'command line or a configuration file is wrong.')
    parser.add_argument(
        '--config-file', action='append', metavar='FILE',
        help='read this file instead of those that cinder-volume finds by '
        'itself; may be repeated, later files win')
    parser.add_argument(
        '--config-dir', action='append', metavar='DIRECTORY',
        help='read the files of this directory after those; may be repeated')
    parser.add_argument(
        '--backend', action='append', metavar='NAME',
        help='check this backend instead of all Dsware backends of '
        'enabled_backends; may be repeated')
    parser.add_argument(
        '--no-listing', action='store_true',
        help='do not list the volumes and snapshots of the pools, which '
        'takes a while on a large cluster')
    parser.add_argument(
        '--format', choices=('text', 'json'), default='text',
        help='how to print the report')
    parser.add_argument('--debug', action='store_true',
                        help='log what is done to standard error')
    return parser


def _gain_privileges():
    """Have fsc_cli run as root, as cinder-volume has it."""
    if os.geteuid() == 0:
        cinder.privsep.sys_admin_pctxt.set_client_mode(False)
    else:
        priv_context.init(root_helper=shlex.split(utils.get_root_helper()))


def _refuse(parser, error):
    parser.error('the configuration cannot be used: %s'
                 % shared.shown(str(error)))


def main(argv: list[str] | None = None) -> int:
    """Be the program.

    :param argv: the arguments, None for those of this process
    :returns: exit status
    """
    parser = _parser()
    args = parser.parse_args(argv)
    shared.log(args.debug)
    try:
        settings.load(args.config_file, args.config_dir)
        chosen = settings.choose(args.backend)
    except (cfg.Error, ValueError) as error:
        _refuse(parser, error)
    _gain_privileges()
    check = run.Check(chosen, listing=not args.no_listing)
    try:
        report = check.all()
    except cfg.Error as error:
        # The value of an option is looked at when it is used.
        _refuse(parser, error)
    show = reports.as_json if args.format == 'json' else reports.as_text
    sys.stdout.write(show(report).rstrip() + '\n')
    return PROBLEMS if report.problems() else ALL_WELL
