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

"""The backends of cinder.conf that the driver serves, and their options."""

import contextlib
import dataclasses

from oslo_config import cfg

# Registers the options that are read here.
import cinder.common.config  # noqa: F401
from cinder.volume import configuration
from cinder.volume import driver as base
from cinder.volume.drivers.dsware import options
from cinder.volume.drivers.san import san
from dsware_doctor.backend import database
from dsware_doctor import findings

CONF = cfg.CONF
CONF.import_opt('backend_url', 'cinder.coordination', group='coordination')

DRIVER = 'cinder.volume.drivers.dsware.driver.DSWareDriver'
# Those that the driver reads, beside its own.
_READ = ('san_ip', 'san_api_port', 'san_login', 'san_password',
         'san_thin_provision', 'driver_use_ssl', 'driver_ssl_cert_verify',
         'driver_ssl_cert_path', 'max_over_subscription_ratio',
         'reserved_percentage')
# Cinder's services register these themselves when they start.
_driver_opt = cfg.StrOpt('volume_driver')
_cluster_opt = cfg.StrOpt('cluster')
_host_opt = cfg.StrOpt('backend_host')


@dataclasses.dataclass(frozen=True)
class Backend:
    """A backend that the driver serves.

    :ivar name: the name of its section
    :ivar configuration: what a driver is given
    """

    name: str
    configuration: configuration.Configuration

    @property
    def place(self) -> database.Place:
        """Where Cinder says that its volumes are."""
        host = self.configuration.safe_get(_host_opt.name) or CONF.host
        of = cluster()
        return database.Place('%s@%s' % (host, self.name),
                              of and '%s@%s' % (of, self.name))

    @property
    def options(self) -> list[cfg.Opt]:
        """All options that the driver reads."""
        return options.DSWARE_OPTS + [
            option for option in san.san_opts + base.volume_opts
            if option.name in _READ]


def load(files: list[str] | None, directories: list[str] | None) -> None:
    """Read the configuration as cinder-volume does.

    :param files: files to read instead of those that it finds
    :param directories: directories to read instead
    :raises oslo_config.cfg.Error, ValueError: a file cannot be read
    """
    only = files or directories
    # A service in this very process has done so.
    with contextlib.suppress(cfg.DuplicateOptError):
        CONF.register_opt(_cluster_opt)
    CONF(args=[], project='cinder', prog='cinder-volume',
         default_config_files=(files or []) if only else None,
         default_config_dirs=(directories or []) if only else None)


def files() -> list[str]:
    """Tell which files were read.

    :returns: their paths
    """
    return [*map(str, CONF.config_file), *map(str, CONF.config_dir or ())]


def cluster() -> str:
    """Tell the Cinder cluster that the services of this host belong to.

    :returns: its name, empty when there is none
    """
    return (getattr(CONF, _cluster_opt.name, None) or '').strip()


def choose(wanted: list[str] | None) -> list[Backend]:
    """Find the backends that the driver serves.

    :param wanted: their names; by default those of enabled_backends
    :returns: the backends
    :raises ValueError: a wanted one has no section, or another driver
    """
    made = [_make(name) for name in dict.fromkeys(
        wanted or CONF.enabled_backends or ())]
    ours = [backend for backend in made if _is_ours(backend)]
    others = [backend.name for backend in made if backend not in ours]
    if wanted and others:
        raise ValueError(
            'backend %s: there is no section [%s] with volume_driver = %s '
            'in %s' % (others[0], others[0], DRIVER,
                       ', '.join(files()) or 'any file'))
    return ours


def _make(name):
    made = configuration.Configuration(base.volume_opts, config_group=name)
    made.append_config_values(san.san_opts)
    made.append_config_values(options.DSWARE_OPTS)
    made.append_config_values([_driver_opt, _host_opt])
    return Backend(name, made)


def _is_ours(backend):
    return backend.configuration.safe_get(_driver_opt.name) == DRIVER


def check(backends: list[Backend]) -> list[findings.Finding]:
    """Tell what was read.

    :param backends: the backends to check
    :returns: what was found
    """
    read = files()
    found = [findings.ok('reads %s' % ', '.join(read)) if read else
             findings.problem('configuration-missing',
                              'no configuration file was found',
                              'name those of cinder-volume with '
                              '--config-file')]
    if not backends:
        found.append(findings.problem(
            'backend-missing',
            'no backend of enabled_backends (%s) has volume_driver = %s'
            % (', '.join(CONF.enabled_backends or ()) or 'empty', DRIVER),
            'add the section of a Dsware backend, and its name to '
            'enabled_backends in [DEFAULT]'))
    enabled = CONF.enabled_backends or ()
    found += [findings.problem(
        'backend-not-enabled',
        'backend %s is not in enabled_backends, so cinder-volume does not '
        'serve it' % backend.name,
        'set it in [DEFAULT], and restart cinder-volume: `enabled_backends = '
        '%s`' % ','.join([*enabled, backend.name]))
        for backend in backends if backend.name not in enabled]
    return found


def values(backend: Backend) -> list[findings.Finding]:
    """Tell the options of a backend that do not have their defaults.

    :param backend: the backend
    :returns: what was found; no secret is shown
    """
    found = []
    for option in backend.options:
        where = _origin(backend.name, option.name)
        if where:
            found.append(findings.ok('%s = %s (%s)' % (
                option.name, _shown(backend, option), where)))
    return found


def _origin(group, name):
    for place in (group, configuration.SHARED_CONF_GROUP):
        location = CONF.get_location(name, place)
        if location is not None and location.location in (
                cfg.Locations.user, cfg.Locations.environment,
                cfg.Locations.set_override):
            return location.detail or location.location.name
    return ''


def _shown(backend, option):
    value = backend.configuration.safe_get(option.name)
    if option.secret:
        return '***' if value else '(empty)'
    if isinstance(value, list):
        return ', '.join(map(str, value))
    return value
