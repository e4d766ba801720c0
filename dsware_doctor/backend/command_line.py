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

"""Whether fsc_cli can be run through rootwrap as the driver does it."""

import configparser
import importlib.metadata
import os
import shlex
import stat

from oslo_config import cfg
from oslo_rootwrap import wrapper

from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware import config as backends
from dsware_doctor.backend import samples
from dsware_doctor import findings
from dsware_doctor.host import cluster

CONF = cfg.CONF
_PACKAGE = 'cinder-dsware'
_FILTERS = 'etc/cinder/rootwrap.d/dsware.filters'


def check(configuration) -> list[findings.Finding]:
    """Look for the program, and try the filters; nothing is run.

    :param configuration: the backend's configuration
    :returns: what was found
    """
    return [_program(), *_rootwrap(configuration)]


def _program():
    path = cluster.find(cli_transport.PROGRAM)
    if path:
        return findings.ok('%s is %s' % (cli_transport.PROGRAM, path))
    return findings.problem(
        '%s was not found, or cannot be executed' % cli_transport.PROGRAM,
        'install the Dsware client on this host, in a directory that is on '
        'PATH for root: `sudo sh -c "command -v %s"`' % cli_transport.PROGRAM)


def _rootwrap(configuration):
    path = CONF.rootwrap_config
    parser = configparser.RawConfigParser()
    try:
        with open(path, encoding='utf-8') as stream:
            parser.read_file(stream)
        settings = wrapper.RootwrapConfig(parser)
    except (OSError, ValueError, configparser.Error) as error:
        return [findings.problem(
            'rootwrap_config = %s cannot be used: %s' % (path, error),
            'correct rootwrap_config in [DEFAULT], or the file: `ls -l %s`'
            % shlex.quote(path))]
    found = [problem for directory in settings.filters_path
             for problem in _directory(directory)]
    try:
        filters = wrapper.load_filters(settings.filters_path)
    except (OSError, ValueError, configparser.Error) as error:
        return found + [findings.problem(
            'the filters in %s cannot be read: %s' % (
                ', '.join(settings.filters_path), error),
            'correct the file that is named')]
    return found + _match(configuration, filters, settings)


def _directory(path):
    """Say what is wrong with a directory of filters."""
    try:
        mode = os.stat(path)
    except OSError as error:
        return [findings.problem(
            'the directory of filters %s cannot be looked at: %s' % (
                path, error), 'correct filters_path in %s'
            % CONF.rootwrap_config)]
    if mode.st_uid or mode.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return [findings.problem(
            'others than root can change the filters in %s' % path,
            '`sudo chown root:root {0}; sudo chmod go-w {0}`'.format(
                shlex.quote(path)))]
    return []


def _match(configuration, filters, settings):
    carrier = cli_transport.CLITransport(
        backends.agents(configuration)[0],
        backends.manager_address(configuration))
    refused = []
    for op, args in samples.REQUESTS:
        argv = carrier.argv(endpoints.Request(op, args))
        try:
            wrapper.match_filter(filters, argv, settings.exec_dirs)
        except wrapper.FilterMatchNotExecutable:
            return [findings.problem(
                'rootwrap does not find %s in exec_dirs = %s' % (
                    argv[0], ','.join(settings.exec_dirs)),
                'add its directory to exec_dirs in %s'
                % CONF.rootwrap_config)]
        except wrapper.NoFilterMatched:
            refused.append(op)
    if refused:
        return [findings.problem(
            'rootwrap refuses %d of %d operations: %s' % (
                len(refused), len(samples.REQUESTS), ', '.join(refused)),
            _copy_filters(settings.filters_path[0]))]
    return [findings.ok('rootwrap (%s) allows all %d operations' % (
        CONF.rootwrap_config, len(samples.REQUESTS)))]


def _copy_filters(directory):
    path = installed_filters()
    if path is None:
        return 'copy %s of %s, of this version, to %s, owned by root' % (
            _FILTERS, _PACKAGE, directory)
    return 'install those of this version: `sudo install -m 644 %s %s`' % (
        shlex.quote(path), shlex.quote(directory))


def installed_filters() -> str | None:
    """Find the filters that the package has put beside Cinder's own.

    :returns: the path of the file, or None when it is not there
    """
    try:
        files = importlib.metadata.files(_PACKAGE) or ()
    except importlib.metadata.PackageNotFoundError:
        return None
    for item in files:
        if item.as_posix().endswith(_FILTERS):
            path = os.path.realpath(item.locate())
            return path if os.path.isfile(path) else None
    return None
