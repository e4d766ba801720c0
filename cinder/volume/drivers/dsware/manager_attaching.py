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

"""The driver attaches volumes, through the agents of the hosts."""

import dataclasses
import time
import uuid

from oslo_log import log as logging
from oslo_utils import excutils

from cinder import context as cinder_context
from cinder import coordination
from cinder import exception
from cinder.i18n import _
from cinder import objects
from cinder.volume.drivers.dsware import attach_records
from cinder.volume.drivers.dsware import attach_users
from cinder.volume.drivers.dsware import attaching
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import translation
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# One at a time of these holds a volume's lock, and none waits for another
# lock meanwhile.
_LOCK = 'dsware-attach-'
# In connection_info of a use of this service's own.
_OWN_USE = 'own_use'
# An attachment is under way for as long as the requests to the agent take,
# and Cinder's API waits for its answer (rpc_response_timeout); nobody gets it
# after that.
_REQUESTS = 2
_API_SECONDS = 60
# Volumes that are looked at again in one go, seconds for an agent that may
# be down, and how often that is tried before it is left to the next start.
# The statistics wait for all of it, so that no volume is begun with after so
# many seconds.
_TIDY_TIME = 5
_TIDY_VOLUMES = 50
_TIDY_SECONDS = 2
_TIDY_ATTEMPTS = 5
# In all other states something may use a volume without an attachment: a
# backup, a migration, a client that has reserved it.
_QUIET = frozenset(('available', 'in-use', 'reserved', 'error',
                    'error_deleting', 'error_extending'))


class _OwnUse(dict):
    """Connector properties of this service, for a use of its own.

    What comes from users of the API is a plain dict.
    """

    def __init__(self, properties, token):
        super().__init__(properties)
        self.token = token


@dataclasses.dataclass
class _Watch:
    """A volume that is looked at again.

    :param until: when to stop, if all is as it should be then
    :param failures: times that it could not be put in order
    """

    until: float
    failures: int = 0


class ManagerAttacher(attaching.HostAttacher):
    """The driver attaches, through the agent of the host.

    Nova's and os-brick's own "local" volume type needs nothing installed on
    the host, but cannot extend a volume in use. A host has one device for a
    volume, whatever the number of its users, so only the last one to leave
    detaches. Who they are is told by Cinder's database, which is read anew
    under the volume's lock: see :mod:`attach_users` and
    :mod:`attach_records`. What is left attached although nobody uses it is
    detached later by :meth:`tidy`.

    :param array: the :class:`array.Array`
    :param configuration: the backend's configuration
    :param runs: the :class:`attach_runs.Runs` of the volume service
    """

    online_extend = False

    def __init__(self, array, configuration, runs):
        super().__init__(array, configuration)
        self._runs = runs
        self._window = (_API_SECONDS
                        + _REQUESTS * configuration.dsware_request_timeout)
        # Watch by id of a volume.
        self._watched = {}

    # -- own uses ---------------------------------------------------------

    def own_use(self, properties, attach_info=None):
        """Mark a connector as being for this service's own use.

        :param properties: the connector properties of this service's host
        :param attach_info: what attaching for that use returned
        :returns: a marked copy
        """
        data = attach_info['conn']['data'] if attach_info else {}
        token = data.get(_OWN_USE) or self._token(properties)
        return _OwnUse(properties, token or uuid.uuid4().hex)

    @staticmethod
    def _token(connector):
        return getattr(connector, 'token', '')

    # -- attaching --------------------------------------------------------

    def attach(self, volume, connector, discard):
        """Attach a volume to a host.

        :param volume: the Cinder volume
        :param connector: the host's connector properties
        :param discard: whether the volume gives back discarded space
        :returns: connection_info
        :raises InvalidInput: the connector does not name the host
        :raises VolumeNotFound: it is not on the cluster
        :raises VolumeBackendAPIException: it could not be attached
        """
        return self._attach(volume, self._place(connector), discard,
                            self._token(connector))

    @coordination.synchronized(_LOCK + '{volume.id}')
    def _attach(self, volume, place, discard, token):
        found = attaching.existing(self._array, volume)
        records = attach_records.load(volume.id)
        before = records.attached.get(place.agent.host)
        # Only without a World Wide Name does it matter who else is there.
        others = not found.wwn and self._users(volume.id, records).others(
            place, beginning=not token)
        self._watch(volume.id)
        records.begin(place, self._runs.own, token)
        try:
            path = self._device_path(volume, found, place.agent, others)
        except BaseException as error:
            with excutils.save_and_reraise_exception():
                records.end(token)
                if not _is_certain(error):
                    records.doubt(place)
                elif not before:
                    records.forget(place)
        return self._connection_info(found, path, discard, token)

    def _device_path(self, volume, found, agent, others):
        with translation.for_volume(volume):
            return self._path_of(found, agent, others)

    def _path_of(self, found, agent, others):
        name = found.name
        path = self._array.attach(name, agent)
        if not (path or found.wwn or others):
            # What an earlier attempt attached without telling where.
            self._array.detach(name, agent)
            path = self._array.attach(name, agent)
        # Published: a device with a wwn is also found by it. A path outside
        # /dev is a plain file that stands for a device.
        if found.wwn and (not path or path.startswith('/dev/')):
            return f'/dev/disk/by-id/wwn-0x{found.wwn}'
        if path:
            return path
        raise exception.VolumeBackendAPIException(data=_(
            'volume %(name)s is attached at %(agent)s already, and neither '
            'the agent nor a wwn tells its device there; detach it there '
            'first') % {'name': found.name, 'agent': agent})

    @staticmethod
    def _connection_info(found, path, discard, token):
        data = {
            'format_version': attaching.FORMAT_VERSION,
            'volume_name': found.name,
            'wwn': found.wwn,
            'discard': discard,
            'device_path': path,
        }
        if token:
            data[_OWN_USE] = token
        return {'driver_volume_type': 'local', 'data': data}

    def _place(self, connector):
        if not connector.get('host'):
            raise exception.InvalidInput(reason=_(
                'the connector has no host, so the users of a volume on '
                'that host cannot be told apart'))
        return attach_records.Place(self.agent_of(connector),
                                    connector['host'])

    def _users(self, volume_id, records):
        return attach_users.Users(
            volume_id, records, self._runs, self._window,
            lambda connector: self.agent_of(connector).host)

    # -- detaching --------------------------------------------------------

    def detach(self, volume, connector):
        """Detach a volume from a host, unless another use is left there.

        :param volume: the Cinder volume
        :param connector: the host's connector properties, or None for all
            hosts
        :returns: whether it stays attached there for others
        :raises InvalidInput: the connector does not name the host
        :raises VolumeIsBusy: the device is in use
        :raises VolumeBackendAPIException: it could not be detached
        """
        if connector is None:
            return self._leave_all(volume)
        return self._leave(volume, self._place(connector), connector,
                           self._token(connector))

    @coordination.synchronized(_LOCK + '{volume.id}')
    def _leave(self, volume, place, connector, token):
        records = attach_records.load(volume.id)
        if token:
            records.end(token)
        others = self._users(volume.id, records).others(
            place, None if token else connector)
        # Should others leave at this moment too, or this one not be able
        # to, then nobody else comes back for it.
        self._watch(volume.id)
        if others:
            LOG.info('Volume %(volume)s stays attached to %(host)s: %(uses)d '
                     'other uses may be left there.', {
                         'volume': translation.described(volume),
                         'host': place.host, 'uses': others})
            return True
        self._detach_from(volume, place.agent)
        self._forget(records, place)
        if not records.attached:
            self._watched.pop(volume.id, None)
        return False

    def _forget(self, records, place):
        """Note that a volume is detached, unless it may be attached yet.

        The cluster may still carry out a request that the driver has given
        up. The record stays until that time is over, and :meth:`tidy`
        detaches the volume once more then.

        :param records: the volume's :class:`attach_records.Records`
        :param place: where it was detached
        :returns: whether nothing is left to be done
        """
        found = records.attached.get(place.agent.host)
        if found and found.is_doubtful(self._window):
            return False
        records.forget(place)
        return True

    @coordination.synchronized(_LOCK + '{volume.id}')
    def _leave_all(self, volume):
        records = attach_records.load(volume.id)
        users = self._users(volume.id, records)
        places = [found.place for found in records.attached.values()]
        self._watch(volume.id)
        failures = self._detach_from_all(
            volume, users.connectors(), {place.agent for place in places},
            lambda agent: self._forget(records,
                                       attach_records.Place(agent, '')))
        if not records.attached:
            self._watched.pop(volume.id, None)
        if failures:
            raise failures[0]
        return False

    def release(self, volume):
        """Detach a volume that is being deleted from where it was left.

        Cinder deletes no volume that has a user.

        :param volume: the Cinder volume
        :raises VolumeIsBusy: a device is in use
        :raises VolumeBackendAPIException: it could not be detached
        """
        if self.has_attached(volume):
            self._leave_all(volume)

    @staticmethod
    def has_attached(volume) -> bool:
        """Tell whether the driver attached a volume somewhere.

        :param volume: the Cinder volume
        """
        return bool(attach_records.load(volume.id).attached)

    # -- leftovers --------------------------------------------------------

    def recover(self, context, host, cluster):
        """Remember the volumes that runs which are over have attached.

        To be called at the start, before anything is attached, and when
        another service of the Cinder cluster has died.

        :param context: the admin context
        :param host: the volume service's host
        :param cluster: the Cinder cluster that it belongs to, if any
        """
        self._runs.start()
        filters = {'metadata': dict(attach_records.MARK)}
        if cluster:
            found = objects.VolumeList.get_all(
                context, filters={**filters, 'cluster_name': cluster})
        else:
            found = objects.VolumeList.get_all_by_host(context, host,
                                                       filters)
        for volume in found:
            self._watch(volume.id)

    def _watch(self, volume_id):
        # For long enough that Cinder has recorded what goes on now.
        self._watched[volume_id] = _Watch(time.time() + self._window)

    def tidy(self):
        """Detach volumes from hosts where nobody uses them any more.

        A service died after it had attached a volume, and before Cinder had
        recorded that; the answer of an agent was lost, or the cluster
        attached the volume only after that; two users of one
        host left at the same moment. It never detaches by force. The
        statistics wait for it, so it takes few seconds; what it does not
        come to is looked at the next time.
        """
        deadline = waiting.Deadline(_TIDY_TIME)
        for volume_id in list(self._watched)[:_TIDY_VOLUMES]:
            if deadline.expired:
                return
            watch = self._watched.pop(volume_id, None)
            if watch and not self._is_done(volume_id, watch):
                # At the end, after those that have not been looked at.
                self._watched.setdefault(volume_id, watch)

    def _is_done(self, volume_id, watch):
        try:
            return (self._tidy_if_idle(volume_id)
                    and time.time() >= watch.until)
        except exception.VolumeNotFound:
            return True
        except Exception as error:
            reporting.log_once(
                LOG, logging.WARNING, error,
                f'Volume {volume_id} may be attached to a host where nobody '
                f'uses it.')
            watch.failures += 1
            return watch.failures >= _TIDY_ATTEMPTS

    def _tidy_if_idle(self, volume_id):
        """Look at a volume unless it is being attached or detached.

        That may take as long as an agent hangs.
        """
        lock = coordination.COORDINATOR.get_lock(_LOCK + volume_id)
        if not lock.acquire(blocking=False):
            return False
        try:
            return self._tidy(volume_id)
        finally:
            lock.release()

    def _tidy(self, volume_id):
        """Look at one volume; tell whether all is as it should be."""
        volume = objects.Volume.get_by_id(
            cinder_context.get_admin_context(), volume_id)
        records = attach_records.load(volume_id)
        for use in list(records.uses.values()):
            if self._runs.is_over(use.run):
                records.end(use.token)
        users = self._users(volume_id, records)
        left = [found.place for found in records.attached.values()
                if not users.lasting(found.place)]
        if not _is_quiet(volume):
            return not left
        free = [place for place in left if not users.may_be_under_way(place)]
        settled = 0
        for place in free:
            self._detach_left(volume, place.agent)
            settled += self._forget(records, place)
        return settled == len(left)

    def _detach_left(self, volume, agent):
        LOG.info('Volume %(volume)s is detached from %(agent)s, where nobody '
                 'uses it any more.', {
                     'volume': translation.described(volume),
                     'agent': agent})
        self._array.detach(translation.volume_name(volume), agent,
                           seconds=_TIDY_SECONDS)

    @staticmethod
    def remove_locks(volume_id):
        """Remove what the locks of a deleted volume left.

        :param volume_id: the volume's id
        """
        coordination.synchronized_remove(_LOCK + volume_id)


def _is_certain(error):
    """Tell whether nothing was attached, as an error shows."""
    return isinstance(error, exception.CinderException) and not isinstance(
        error, exceptions.OutcomeUnknown)


def _is_quiet(volume):
    return volume.status in _QUIET and volume.migration_status in (
        None, 'success', 'error')
