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

"""From cinder.conf to how connections are secured, with all checked."""

import os

from oslo_config import cfg
from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder.volume import configuration as cinder_configuration
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware.client import tls

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

_VERIFY = 'driver_ssl_cert_verify'
_SHARED = cinder_configuration.SHARED_CONF_GROUP
_NOBODYS_CHOICE = (cfg.Locations.opt_default, cfg.Locations.set_default)


def refuse(option, value, problem) -> None:
    """Say that a configuration is wrong.

    :param option: the option's name
    :param value: what it is set to; ``***`` for a secret
    :param problem: what is wrong and what would be right
    :raises InvalidConfigurationValue: always
    """
    raise exception.InvalidConfigurationValue(
        _('Option %(option)s = %(value)s: %(problem)s.') % {
            'option': option, 'value': value, 'problem': problem})


def is_verified(configuration) -> bool:
    """Tell whether the certificates of the agents are verified.

    The default of Cinder's own option, which is off, is nobody's choice:
    only who sets it to false gets connections that are not verified.

    :param configuration: the backend's configuration
    :returns: False when driver_ssl_cert_verify is set to false, in the
        backend's section or in backend_defaults
    """
    if configuration.driver_ssl_cert_verify:
        return True
    groups = (configuration.config_group, _SHARED)
    return all(_location(configuration, group) in _NOBODYS_CHOICE
               for group in groups)


def _location(configuration, group):
    # Not each of Cinder's kinds of configuration says where its values are
    # from; all have them from the only one that a service has.
    options = getattr(configuration.conf, 'local_conf', CONF)
    return options.get_location(_VERIFY, group).location


def credentials(configuration) -> login.Credentials | None:
    """Give what connections sign in with.

    :param configuration: the backend's configuration
    :returns: the :class:`login.Credentials`, or None when there is nothing
        to sign in with
    :raises InvalidConfigurationValue: they contradict other options
    """
    if (not configuration.san_password
            or configuration.dsware_transport == 'cli'):
        return None
    if not configuration.driver_use_ssl:
        refuse('san_password', '***', _(
            'a password is never sent without TLS; set driver_use_ssl = '
            'true, or remove san_password if the cluster wants none'))
    if not configuration.san_login:
        refuse('san_login', "''", _('san_password is set, so the user '
                                    'name must be too'))
    if not is_verified(configuration):
        refuse('san_password', '***', _(
            'a password is never sent to an agent that has not proved who '
            'it is; set driver_ssl_cert_verify = true, or remove it'))
    if not configuration.driver_ssl_cert_path:
        refuse('driver_ssl_cert_path', "''", _(
            'san_password is set, so it must name the certificate of the '
            "authority that issued the agents'; any authority that the "
            'system trusts could let somebody else pass for an agent'))
    return login.Credentials(configuration.san_login,
                             configuration.san_password)


def check_without_tls(configuration) -> None:
    """Refuse options that are of no use without TLS.

    :param configuration: the backend's configuration
    :raises InvalidConfigurationValue: when one is set
    """
    for option in (_VERIFY, 'driver_ssl_cert_path', 'dsware_client_cert',
                   'dsware_client_key'):
        value = configuration.safe_get(option)
        if value and not configuration.driver_use_ssl:
            refuse(option, value, _(
                'it has no effect without TLS; set driver_use_ssl = true, '
                'or remove it'))


def make_tls(configuration) -> tls.TLSSettings | None:
    """Give the TLS settings, with all files loaded once.

    :param configuration: the backend's configuration
    :returns: the :class:`tls.TLSSettings`, or None without TLS
    :raises InvalidConfigurationValue: options contradict each other, or a
        file cannot be used
    """
    check_without_tls(configuration)
    if not configuration.driver_use_ssl:
        return None
    _check_files(configuration)
    verified = is_verified(configuration)
    if not verified:
        LOG.warning('The certificates of the Dsware agents are not '
                    'verified, so anybody on the network can pose as the '
                    'cluster: remove driver_ssl_cert_verify = false.')
    settings = tls.TLSSettings(
        verified, configuration.driver_ssl_cert_path,
        configuration.dsware_client_cert, configuration.dsware_client_key)
    try:
        settings.context()
    except tls.BadFile as error:
        refuse(error.option, error.path, error.problem)
    return settings


def _check_files(configuration):
    if configuration.dsware_client_key and (
            not configuration.dsware_client_cert):
        refuse('dsware_client_key', configuration.dsware_client_key,
               _('it needs dsware_client_cert'))
    for option in ('driver_ssl_cert_path', 'dsware_client_cert',
                   'dsware_client_key'):
        path = configuration.safe_get(option)
        if path and not os.access(path, os.R_OK):
            refuse(option, path, _('it is not there or cannot be read by '
                                   'this service'))
