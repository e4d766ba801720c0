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

"""From cinder.conf to an :class:`array.Array`, with every option checked."""

import dataclasses
import ipaddress
from typing import NoReturn

from oslo_config import cfg
from oslo_log import log as logging

from cinder import exception
from cinder.i18n import _
from cinder.volume import configuration as cinder_configuration
from cinder.volume.drivers.dsware.array import array
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.client import cli_transport
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import connection
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login as signing
from cinder.volume.drivers.dsware.client import rest_transport
from cinder.volume.drivers.dsware.client import tls
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import options

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
CONF.import_opt('volume_name_template', 'cinder.db.api')
CONF.import_opt('snapshot_name_template', 'cinder.db.api')

_VERIFY = 'driver_ssl_cert_verify'
_SHARED = cinder_configuration.SHARED_CONF_GROUP
# Who has set neither of the two has chosen nothing.
_NOBODYS_CHOICE = (cfg.Locations.opt_default, cfg.Locations.set_default)
# All ids of Cinder look like this one.
_SOME_ID = '0fa2c5e8-1b4d-4e70-9a63-d7c6b5a49382'


@dataclasses.dataclass(frozen=True)
class Backend:
    """What each part of the driver works with.

    :ivar configuration: the backend's configuration
    :ivar host: HOST@BACKEND of this service
    :ivar cluster_name: CLUSTER@BACKEND of this service, or None
    :ivar array: the :class:`array.Array`
    """

    configuration: object
    host: str
    cluster_name: str | None
    array: array.Array


def manager_address(configuration) -> str:
    """Give the checked address of the manager.

    :param configuration: the backend's configuration
    :returns: san_ip
    :raises InvalidConfigurationValue: when it is missing or malformed
    """
    address = configuration.san_ip
    if not address:
        refuse('san_ip', "''", _(
            'the address of the Dsware manager is missing; set it to the '
            "cluster's floating management address"))
    if not endpoints.is_address(address):
        refuse('san_ip', address, _(
            'it must be an IP address without brackets, or a host name, and '
            'without a port; the port belongs in san_api_port'))
    return address


def location_info(configuration) -> str:
    """Tell where volumes are, for other backends to compare.

    :param configuration: the backend's configuration
    :returns: text that backends of one cluster have in common; it holds the
        manager's address and no secret
    """
    return 'dsware:' + endpoints.canonical(manager_address(configuration))


def _endpoint(option, text, port):
    try:
        return endpoints.Endpoint.parse(text, port)
    except ValueError as error:
        refuse(option, text, _(
            '%s; expected host, host:port, or [IPv6 address]:port') % error)


def default_port(configuration) -> int:
    """Give the port of agents that are configured without one.

    :param configuration: the backend's configuration
    :returns: san_api_port, or 10519, or 28443 for managers
    """
    return configuration.san_api_port or (
        options.REST_PORT if uses_rest(configuration)
        else options.DEFAULT_PORT)


def uses_rest(configuration) -> bool:
    """Tell whether the manager is asked over REST.

    :param configuration: the backend's configuration
    """
    return configuration.dsware_transport == 'rest'


def uses_tls(configuration) -> bool:
    """Tell whether connections are made with TLS; REST always is.

    :param configuration: the backend's configuration
    """
    return configuration.driver_use_ssl or uses_rest(configuration)


def agents(configuration) -> list[endpoints.Endpoint]:
    """Give the agents that carry out requests.

    :param configuration: the backend's configuration
    :returns: those of dsware_agents, or the one at san_ip
    :raises InvalidConfigurationValue: when an entry is malformed
    """
    port = default_port(configuration)
    texts = configuration.dsware_agents
    if not texts:
        return [endpoints.Endpoint(manager_address(configuration), port)]
    found = [_endpoint('dsware_agents', text.strip(), port)
             for text in texts]
    return list(dict.fromkeys(found))


def host_agents(configuration) -> dict[str, endpoints.Endpoint]:
    """Give the agents of hosts that the operator has named one by one.

    :param configuration: the backend's configuration
    :returns: agents by host name
    :raises InvalidConfigurationValue: when an entry is malformed
    """
    port = default_port(configuration)
    return {host: _endpoint('dsware_host_agents', text.strip(), port)
            for host, text in configuration.dsware_host_agents.items()}


def host_networks(configuration) -> list:
    """Give the networks in which hosts have their agents.

    :param configuration: the backend's configuration
    :returns: a list of networks of the module ipaddress
    :raises InvalidConfigurationValue: when an entry is malformed
    """
    return [_network(text.strip())
            for text in configuration.dsware_host_networks]


def _network(text):
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        refuse('dsware_host_networks', text, _(
            '%s; expected a network such as 192.0.2.0/24 or 2001:db8::/32')
            % error)


def check_name_templates() -> None:
    """Check that all names that Cinder derives can be names on a cluster.

    :raises InvalidConfigurationValue: when those of volume_name_template or
        snapshot_name_template cannot, or cannot be told apart
    """
    volume = _name_of_template('volume_name_template')
    if volume == _name_of_template('snapshot_name_template'):
        refuse('snapshot_name_template', CONF.snapshot_name_template, _(
            'it is the same as volume_name_template, but volumes and '
            'snapshots share their names on a Dsware cluster; make it '
            'another one'))


def _name_of_template(option):
    template = CONF[option]
    try:
        name = template % _SOME_ID
    except (TypeError, ValueError) as error:
        refuse(option, template, _(
            'it must have %%s once, for the id (%s)') % error)
    if _SOME_ID not in name:
        refuse(option, template, _(
            'it must have a plain %s: with a part of the id, or another form '
            'of it, names are not unique'))
    if not names.is_legal(name):
        refuse(option, template, _(
            'a name on a Dsware cluster has 1 to 95 of the characters A-Z '
            'a-z 0-9 _ . - and does not start with - or .; one made by this '
            'template has %d characters') % len(name))
    if names.is_temporary(name):
        refuse(option, template, _(
            'names that end like this are those of temporary snapshots of '
            'the driver; let it end in another way'))
    return name


def make_sign_ins(configuration, before=None) -> signing.SignIns | None:
    """Give what connections sign in with.

    :param configuration: the backend's configuration
    :param before: what was given for the same backend before, which knows
        whether the password is good
    :returns: the :class:`login.SignIns`, or None when there is nothing to
        sign in with
    :raises InvalidConfigurationValue: options contradict each other
    """
    found = credentials(configuration)
    if found is None:
        return None
    return before or signing.SignIns(found, agents(configuration),
                                     host_agents(configuration).values())


def make_array(configuration, sign_ins=None) -> array.Array:
    """Check the backend's options and make what talks to its cluster.

    Nothing is contacted.

    :param configuration: the backend's configuration
    :param sign_ins: what was used to sign in before, see
        :func:`make_sign_ins`
    :returns: the :class:`array.Array`
    :raises InvalidConfigurationValue: when an option is missing, malformed
        or contradicts another one; the message names it
    """
    _check_replication(configuration)
    manage_ip = manager_address(configuration)
    asked = agents(configuration)
    capacity = configuration.dsware_max_connections
    if configuration.dsware_transport == 'cli':
        make_transport = _cli_transports(configuration, manage_ip)
        # An agent that hangs must leave the others room to run.
        capacity = min(capacity, max(
            cli_transport.parallel_runs() // len(asked), 1))
    elif uses_rest(configuration):
        make_transport = _rest_transports(configuration, asked, sign_ins)
    else:
        make_transport = _socket_transports(configuration, manage_ip,
                                            sign_ins)
    caller = client.Client(asked, make_transport,
                           configuration.dsware_request_timeout, capacity)
    return array.Array(caller, configuration.dsware_copy_timeout,
                       exchanges=uses_rest(configuration))


def _check_replication(configuration):
    if configuration.safe_get('replication_device'):
        # Its value is not shown, since there may be a password in it.
        refuse('replication_device', '***', _(
            'Dsware publishes no operation that replicates volumes; remove '
            'the option'))


def _cli_transports(configuration, manage_ip):
    for option in ('driver_use_ssl', 'san_password'):
        if configuration.safe_get(option):
            refuse('dsware_transport', 'cli', _(
                '%s has no effect with it, because fsc_cli makes its own '
                'connection; remove one of the two') % option)
    check_without_tls(configuration)
    return lambda endpoint: cli_transport.CLITransport(endpoint, manage_ip)


def _socket_transports(configuration, manage_ip, sign_ins):
    settings = connection.SocketSettings(
        manage_ip=manage_ip,
        connect_timeout=configuration.dsware_connect_timeout,
        tls_settings=make_tls(configuration))
    sign_ins = make_sign_ins(configuration, sign_ins)

    return lambda endpoint: transport.SocketTransport(
        endpoint, dataclasses.replace(
            settings, sign_in=sign_ins and sign_ins.of(endpoint)))


def _rest_transports(configuration, managers, sign_ins):
    if not configuration.san_thin_provision:
        refuse('san_thin_provision', False, _(
            'with dsware_transport = rest all volumes are thin; remove it'))
    sign_ins = make_sign_ins(configuration, sign_ins)
    if sign_ins is None:
        refuse('san_password', "''", _(
            'the manager carries out nothing for who is not signed in; set '
            'san_login and san_password'))
    tls_settings = make_tls(configuration)
    made = {
        manager: rest_transport.RESTTransport(
            manager, tls_settings, sign_ins.of(manager),
            configuration.dsware_connect_timeout,
            configuration.dsware_max_connections)
        for manager in managers}
    # A host's agent is not asked: managers attach volumes to its host.
    return lambda endpoint: made.get(endpoint) or (
        rest_transport.HostTransport(endpoint, list(made.values())))


def refuse(option, value, problem) -> NoReturn:
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


def credentials(configuration) -> signing.Credentials | None:
    """Give what connections sign in with.

    :param configuration: the backend's configuration
    :returns: the :class:`login.Credentials`, or None when there is nothing
        to sign in with
    :raises InvalidConfigurationValue: they contradict other options
    """
    if (not configuration.san_password
            or configuration.dsware_transport == 'cli'):
        return None
    if not uses_tls(configuration):
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
    return signing.Credentials(configuration.san_login,
                               configuration.san_password)


def check_without_tls(configuration) -> None:
    """Refuse options that are of no use without TLS.

    :param configuration: the backend's configuration
    :raises InvalidConfigurationValue: when one is set
    """
    for option in (_VERIFY, 'driver_ssl_cert_path', 'dsware_client_cert',
                   'dsware_client_key'):
        value = configuration.safe_get(option)
        if value and not uses_tls(configuration):
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
    if not uses_tls(configuration):
        return None
    if configuration.dsware_client_key and (
            not configuration.dsware_client_cert):
        refuse('dsware_client_key', configuration.dsware_client_key,
               _('it needs dsware_client_cert'))
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
