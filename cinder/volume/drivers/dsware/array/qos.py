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

"""The QoS of volumes: limits of their I/O.

Every volume with limits has a QoS of its own, named after it
(:func:`names.policy`), so that no two calls about different volumes ever
touch the same object, and whoever deletes the volume knows what to delete.

The interface has no query for a QoS by its name, only for the QoS of a
volume. So what became of createQoS and deleteQoS is found out by asking
again: the cluster then says that the name is taken, or that it is free.
"""

from collections.abc import Mapping

from oslo_log import log as logging
from oslo_utils import excutils

from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware.array import operation
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)

# Seconds to wait for a cluster that cannot be reached before limits stay as
# a failure has left them.
_PATIENCE = 5


class QoS:
    """Gives limits to volumes, and takes them away.

    Limits are a dict with all of :data:`models.QOS_LIMITS`.

    :param changes: the :class:`operation.Operation` of the cluster
    :param volumes: the :class:`volumes.Volumes` of the cluster
    """

    def __init__(self, changes, volumes):
        self._client = changes.client
        self._queries = changes.queries
        self._operation = changes
        self._volumes = volumes

    def limit(self, volume: str, limits: Mapping[str, int],
              deadline: waiting.Deadline | None = None) -> models.QoS | None:
        """Give a volume these limits, in use or not.

        A QoS of another name that the volume has is replaced, and given
        back when that fails; it is not deleted.

        :param volume: the volume's name
        :param limits: its limits
        :param deadline: when to give up to find out what it has
        :returns: the QoS that it had, or None; see :meth:`give_back`
        :raises ObjectExists: other volumes have the QoS of this volume's
            name
        :raises ObjectAbsent: there is no such volume
        :raises DSWareError: for all other reasons
        """
        name = names.policy(volume)
        before = self._queries.qos_of(volume, deadline)
        if before is None or before.name != name:
            self._give(volume, limits, before)
        elif not before.has(limits):
            self._operation.change(
                'setQoS', lambda deadline: self._has(volume, name, limits,
                                                     deadline),
                qosName=name, **limits)
        return before

    def limit_new(self, volume: str, limits: Mapping[str, int]) -> None:
        """Give limits to a volume that the caller has just made.

        When that fails, the volume is deleted.

        :param volume: the volume's name
        :param limits: its limits
        :raises DSWareError: when that does not work
        """
        with self._operation.undone(self._volumes.delete, volume):
            self._give(volume, limits, None)

    def unlimit(self, volume: str) -> models.QoS | None:
        """Take from a volume the limits that :meth:`limit` gave it.

        One that has none, or a QoS of another name, is left as it is.

        :param volume: the volume's name
        :returns: the QoS that was taken from it, or None; see
            :meth:`give_back`
        :raises DSWareError: when that does not work
        """
        before = self._find(volume, names.policy(volume))
        try:
            if before is not None:
                self._disassociate(before.name, volume)
            # It may be left of an attempt that broke off here.
            self.delete(volume)
        except BaseException:
            with excutils.save_and_reraise_exception():
                if before is not None:
                    self.give_back(volume, before)
        return before

    def delete(self, volume: str,
               patience: float | None = None) -> None:
        """Delete the QoS named after a volume that no longer has it.

        One that is gone already is a success.

        :param volume: the volume's name
        :param patience: seconds after which to give up when no agent can
            be reached
        :raises ObjectBusy: a volume has it
        :raises DSWareError: for all other reasons
        """
        names.check(volume)
        name = names.policy(volume)
        try:
            # Asking again is the only way to find out.
            self._operation.change('deleteQoS', lambda deadline: False,
                                   patience=patience, qosName=name)
        except exceptions.ObjectAbsent:
            LOG.debug('QoS %s is gone already.', name)

    # -- steps ------------------------------------------------------------

    def _give(self, volume, limits, before):
        name = names.policy(volume)
        try:
            self._create_qos(name, limits)
            if before is not None:
                LOG.info('Volume %(volume)s gets QoS %(name)s in place of '
                         '%(before)s, which stays on the cluster.',
                         {'volume': volume, 'name': name,
                          'before': before.name})
                self._disassociate(before.name, volume)
            self._associate(name, volume)
        except BaseException as error:
            with excutils.save_and_reraise_exception():
                # A QoS of its name that others have is not this volume's.
                if not (isinstance(error, exceptions.ObjectExists)
                        and error.op == 'createQoS'):
                    self.give_back(volume, before)

    def _create_qos(self, name, limits):
        deadline = self._client.deadline()
        series = reporting.Series(LOG)
        for _elapsed in operation.tries(deadline):
            try:
                self._client.call('createQoS', deadline=deadline,
                                  qosName=name, **limits)
                return
            except exceptions.ObjectExists as error:
                # Made by an attempt in doubt, or left by a crash.
                failure = error
                self._make_way(error, deadline)
            except (exceptions.OutcomeUnknown,
                    exceptions.ObjectBusy) as error:
                failure = error
            operation.note(series, failure, deadline, operation.REPEAT)
        raise failure

    def _make_way(self, taken, deadline):
        """Delete a QoS whose name is needed, if no volume has it."""
        try:
            self._client.call('deleteQoS', deadline=deadline,
                              qosName=taken.name)
        except (exceptions.ObjectAbsent, exceptions.OutcomeUnknown) as error:
            LOG.debug('%s', error)
        except exceptions.ObjectBusy as error:
            raise taken.advised(_(
                'Other volumes have it; names that end with .qos are for '
                'this driver: take it from them on the cluster')) from error

    def _associate(self, name, volume, patience=None):
        self._operation.change(
            'associateQoSWithVolume',
            lambda deadline: self._has(volume, name, {}, deadline),
            patience=patience, qosName=name, volName=volume)

    def _disassociate(self, name, volume, patience=None):
        try:
            self._operation.change(
                'disassociateQoSWithVolume',
                lambda deadline: not self._has(volume, name, {}, deadline),
                patience=patience, qosName=name, volName=volume)
        except exceptions.ObjectAbsent:
            LOG.debug('Volume %(volume)s does not have QoS %(name)s.',
                      {'volume': volume, 'name': name})

    def _has(self, volume, name, limits, deadline):
        found = self._find(volume, name, deadline)
        return found is not None and found.has(limits)

    def _find(self, volume, name, deadline=None):
        """Find a QoS of a volume, None where it has another or none."""
        try:
            found = self._queries.qos_of(volume, deadline)
        except exceptions.ObjectAbsent:
            return None
        return found if found and found.name == name else None

    def give_back(self, volume: str, before: models.QoS | None) -> None:
        """Let a volume have the QoS that it had, or none.

        What fails is logged: something else has failed already.

        :param volume: the volume's name
        :param before: what :meth:`limit` or :meth:`unlimit` returned
        """
        name = names.policy(volume)
        steps = [lambda: self._disassociate(name, volume, _PATIENCE),
                 lambda: self.delete(volume, _PATIENCE)]
        if before is not None and before.name == name:
            # Clusters need not tell those that are none.
            limits = {**dict.fromkeys(models.QOS_LIMITS, 0), **before.limits}
            steps = [lambda: self.limit(volume, limits,
                                        waiting.Deadline(_PATIENCE))]
        elif before is not None:
            steps.insert(1, lambda: self._associate(before.name, volume,
                                                    _PATIENCE))
        for step in steps:
            try:
                step()
            except exceptions.DSWareError as error:
                reporting.log_once(
                    LOG, logging.WARNING, error,
                    f'Volume {volume} may have other limits than before, '
                    f'and QoS {name} may be there; it goes with the '
                    f'volume, or with its next change of limits.')
