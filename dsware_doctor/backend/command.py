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

from oslo_config import cfg
from oslo_privsep import priv_context

import cinder.privsep
from cinder import utils
from dsware_doctor.backend import run
from dsware_doctor.backend import settings
from dsware_doctor import command_line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='dsware-doctor backend',
        description='Check the configuration of Dsware backends and their '
        'clusters, and compare what Cinder has with what is there. Run it on '
        'the host of cinder-volume, with the Python and as the user that the '
        'service runs with, or as root. Nothing is changed.',
        epilog=command_line.EPILOG)
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
        '--older', type=_minutes, default=15, metavar='MINUTES',
        help='tell of volumes and snapshots that have been in a state of '
        'transition for longer; 15 by default')
    parser.add_argument(
        '--no-listing', action='store_true',
        help='do not compare Cinder with the cluster, which takes a while '
        'where there are many volumes')
    command_line.add_output(parser)
    return parser


def _minutes(text):
    minutes = int(text)
    if minutes < 0:
        raise ValueError(text)
    return minutes


def _gain_privileges():
    """Have fsc_cli run as root, as cinder-volume has it."""
    if os.geteuid() == 0:
        cinder.privsep.sys_admin_pctxt.set_client_mode(False)
    else:
        priv_context.init(root_helper=shlex.split(utils.get_root_helper()))


def main(argv: list[str] | None = None) -> int:
    """Be the program.

    :param argv: the arguments, None for those of this process
    :returns: exit status
    """
    parser = _parser()
    args = parser.parse_args(argv)
    command_line.log(args.debug)
    try:
        settings.load(args.config_file, args.config_dir)
        chosen = settings.choose(args.backend)
    except (cfg.Error, ValueError) as error:
        command_line.refuse(parser, error)
    # Who waits at night is told soon that the database does not answer.
    cfg.CONF.set_override('max_retries', 1, group='database')
    _gain_privileges()
    check = run.Check(chosen, not args.no_listing, args.older)
    try:
        report = check.all()
    except cfg.Error as error:
        # The value of an option is looked at when it is used.
        command_line.refuse(parser, error)
    return command_line.show(report, args)
