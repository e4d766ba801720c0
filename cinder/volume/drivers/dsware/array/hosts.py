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

"""Attachments of volumes to hosts."""

import math
import socket

from oslo_log import log as logging

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import waiting
from os_brick_dsware import fsc_cli

LOG = logging.getLogger(__name__)

# Seconds to wait for the agent of a host that may be dead; another agent can
# detach in its place.
_PATIENCE = 10
# Seconds for a device that is in use to become free. Cinder's API waits a
# minute for the whole.
_DETACH_SECONDS = 30
# How it is, whatever became of earlier attempts.
_CERTAIN = (exceptions.AlreadyAttached, exceptions.NotAttached,
            exceptions.ObjectAbsent)


class Hosts:
    """Attaches volumes to hosts, and detaches them.

    :param client: the :class:`client.Client` that carries the calls
    """

    def __init__(self, client):
        self._client = client

    def attach(self, name: str, agent) -> str:
        """Attach a volume to the host of an agent.

        There is no query for attachments; attaching again settles an
        unknown outcome, because the agent then says that it is attached.

        :param name: the volume's name
        :param agent: the :class:`endpoints.Endpoint` of the host's agent
        :returns: the device's path on that host, or an empty string when
            it was attached already
        :raises ObjectAbsent: there is no such volume
        :raises OutcomeUnknown: it may be attached all the same
        :raises DSWareError: for all other reasons; it was not attached
        """
        try:
            reply = self._on_host('attachVolume', name, agent=agent)
        except exceptions.AlreadyAttached:
            return ''
        paths = {record.get('devName', '') for record in reply.records}
        try:
            # Who gets it opens it, on a host where there are other files.
            return fsc_cli.one_device(paths)
        except fsc_cli.OutputError as error:
            raise exceptions.OutcomeUnknown(
                op='attachVolume', name=name, endpoint=str(agent),
                desc=str(error)) from error

    def detach(self, name: str, agent) -> None:
        """Detach a volume from the host of an agent.

        A volume that is not attached there, or is gone, is a success.

        :param name: the volume's name
        :param agent: the :class:`endpoints.Endpoint` of the host's agent
        :raises ObjectBusy: the device is in use
        :raises DSWareError: for all other reasons
        """
        self._detach('detachVolume', name, _DETACH_SECONDS, agent=agent,
                     patience=_PATIENCE)

    def detach_by_ip(self, name: str, host: str) -> None:
        """Detach a volume from a host whatever the state of that host.

        :param name: the volume's name
        :param host: the IP address or host name of the host's agent
        :raises DSWareError: when that does not work
        """
        failure, detached = None, False
        for address in _addresses(name, host):
            try:
                detached |= self._detach('detachVolumeByIp', name,
                                         detachIp=address)
            except exceptions.EndpointUnavailable:
                raise
            except exceptions.DSWareError as error:
                # A host may have addresses that its agent does not have.
                failure = failure or error
        if failure and not detached:
            raise failure

    def _detach(self, op, name, seconds=math.inf, **args):
        """Detach; tell whether it was attached."""
        try:
            self._on_host(op, name, seconds, **args)
            return True
        except (exceptions.NotAttached, exceptions.ObjectAbsent) as error:
            LOG.debug('Volume %(name)s is not attached: %(error)s',
                      {'name': name, 'error': error})
            return False

    def _on_host(self, op, name, seconds=math.inf, **args):
        names.check(name)
        deadline = waiting.Deadline(min(seconds,
                                        self._client.request_timeout))
        failures = []
        series = reporting.Series(LOG)
        for _elapsed in operation.tries(deadline):
            try:
                return self._client.call(op, deadline=deadline, volName=name,
                                         **args)
            except (exceptions.OutcomeUnknown,
                    exceptions.ObjectBusy) as error:
                failures.append(error)
            except _CERTAIN:
                raise
            except exceptions.DSWareError as error:
                earlier = failures[-1] if failures else None
                failures.append(
                    operation.more_telling(error, earlier, deadline))
                break
            operation.note(series, failures[-1], deadline,
                           operation.REPEAT)
        raise self._outcome(op, failures)

    @staticmethod
    def _outcome(op, failures):
        """Choose the one of several failures that tells the outcome.

        That a volume cannot be attached now says nothing of an earlier
        attempt that may have attached it. And an agent that answered is
        there, even if there was no time for its last answer: its host must
        not be taken for dead, since a device in use is lost then.
        """
        if op == 'attachVolume':
            telling = [error for error in failures
                       if isinstance(error, exceptions.OutcomeUnknown)]
        else:
            telling = [error for error in failures
                       if error.result is not None]
        told, last = (telling or failures)[-1], failures[-1]
        return told if told is last else told.advised(
            _('Another attempt failed: %s') % last.summary)


def _addresses(name, host):
    """Look up a host: the cluster knows agents by their addresses only."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise exceptions.InvalidRequest(
            op='detachVolumeByIp', name=name, endpoint=host,
            desc=_('its address is not known: %s') % error) from error
    return list(dict.fromkeys(where[0] for *_kind, where in found))
