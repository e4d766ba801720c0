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

"""The options in force on this host, service by service.

Each service reads its own files. They need not agree, and whether they do is
part of the check.
"""

import dataclasses
import importlib.util
import os

from oslo_config import cfg

from dsware_doctor import findings
from dsware_doctor.host import directory
from os_brick_dsware import connector
from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import options

#: Who attaches volumes: project, program.
SERVICES = (('nova', 'nova-compute'), ('cinder', 'cinder-volume'),
            ('glance', 'glance-api'))

_LOCK_PATH = 'lock_path'
_LOCK_OPTS = {
    options.GROUP: [cfg.StrOpt(_LOCK_PATH)],
    'oslo_concurrency': [
        cfg.StrOpt(_LOCK_PATH, default=os.environ.get('OSLO_LOCK_PATH'))],
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """The options that a service reads.

    :param service: its name
    :param files: the files they come from
    :param conf: the options
    """

    service: str
    files: tuple[str, ...]
    conf: cfg.ConfigOpts

    def value(self, name: str):
        """Get an option of our group.

        :param name: its name
        :returns: its value
        """
        return self.conf[options.GROUP][name]

    def origin(self, name: str, group: str = options.GROUP) -> str:
        """Tell where the value of an option comes from.

        :param name: its name
        :param group: its group
        :returns: a file, the environment, or "default"
        """
        found = self.conf.get_location(name, group)
        if found is None or found.location == cfg.Locations.opt_default:
            return 'default'
        if found.location == cfg.Locations.environment:
            return 'environment'
        return found.detail or found.location.name

    def account(self) -> directory.Account | None:
        """Find the user that the service runs as, as its packages have it.

        :returns: the account, None if this host has none of that name
        """
        return directory.of_service(self.conf.project)

    def ledger(self) -> ledgers.Ledger | None:
        """Find the records of attached volumes.

        :returns: the ledger, None if no directory is configured
        """
        try:
            return ledgers.Ledger(connector.ledger_directory(self.conf))
        except exceptions.ConfigurationError:
            return None


def _state_path(project: str) -> str:
    """Give state_path the default that the project gives it."""
    spec = importlib.util.find_spec(project) if project == 'nova' else None
    if spec and spec.origin:
        return os.path.dirname(os.path.dirname(spec.origin))
    return '/var/lib/' + project


def _load(project: str, program: str, files=None) -> Settings | None:
    conf = cfg.ConfigOpts()
    options.register(conf)
    for group, opts in _LOCK_OPTS.items():
        conf.register_opts(opts, group=group)
    # What lock_path is often derived from.
    conf.register_opts([cfg.StrOpt('state_path',
                                   default=_state_path(project))])
    conf(args=[], project=project, prog=program, default_config_files=files,
         default_config_dirs=None if files is None else [])
    for name in conf[options.GROUP]:
        conf[options.GROUP][name]
    read = (*conf.config_file, *(conf.config_dir or ()))
    return Settings(program, tuple(map(str, read)), conf) if read else None


def load(files: list[str] | None) -> list[Settings]:
    """Read the options as the services of this host do.

    :param files: configuration files to read instead; None to find those of
        each service
    :returns: the settings of each service that has a file; of the files
        given; or the defaults if there is none
    :raises oslo_config.cfg.Error, ValueError: if a file cannot be read or
        has an option that is wrong; the message names it
    """
    if files:
        return [_load('os_brick_dsware', 'the given files', files)]
    found = [_load(project, program) for project, program in SERVICES]
    return list(filter(None, found)) or [_defaults()]


def _defaults() -> Settings:
    settings = _load('os_brick_dsware', 'no service', [os.devnull])
    return dataclasses.replace(settings, files=())


def check(all_settings: list[Settings]) -> list[findings.Finding]:
    """Tell the options in force, and whether services agree.

    :param all_settings: what load() returned
    :returns: what was found
    """
    found = []
    for settings in all_settings:
        found += [_files(settings), *_values(settings),
                  _lock_path(settings)]
    return found + _differences(all_settings)


def _files(settings: Settings) -> findings.Finding:
    if settings.files:
        return findings.ok('%s reads %s' % (
            settings.service, ', '.join(settings.files)))
    return findings.note(
        'no configuration file of %s was found: these are the defaults; name '
        'files with --config-file' % ', '.join(
            program for _project, program in SERVICES))


def _values(settings: Settings) -> list[findings.Finding]:
    values = ((option.name, settings.value(option.name))
              for option in options.dsware_opts)
    return [findings.ok('%s = %s (%s)' % (
        name, '(not set)' if value is None else value, settings.origin(name)))
        for name, value in values]


def _lock_path(settings: Settings) -> findings.Finding:
    try:
        path = connector.ledger_directory(settings.conf)
    except exceptions.ConfigurationError as exc:
        return findings.problem(
            'lock-directory', '%s: %s' % (settings.service, exc),
            'set lock_path in group os_brick, in the files of all services')
    group = (options.GROUP if settings.value(_LOCK_PATH)
             else 'oslo_concurrency')
    return findings.ok('records of attached volumes: %s (lock_path of group '
                       '%s, %s)' % (path, group,
                                    settings.origin(_LOCK_PATH, group)))


def _differences(all_settings: list[Settings]) -> list[findings.Finding]:
    paths = {}
    for settings in all_settings:
        ledger = settings.ledger()
        if ledger:
            paths.setdefault(ledger.directory, []).append(settings.service)
    if len(paths) < 2:
        return []
    return [findings.problem(
        'lock-directories-differ',
        'services of this host do not know of each other\'s volumes: %s'
        % '; '.join('%s uses %s' % (' and '.join(services), path)
                    for path, services in sorted(paths.items())),
        'set lock_path in group os_brick to one directory, in the files of '
        'all services, while no volume is attached')]
