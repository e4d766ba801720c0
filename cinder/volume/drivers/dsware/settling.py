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

"""Bringing to an end what the death of a service interrupted."""

import abc
import threading

from oslo_log import log as logging

from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import threads
from cinder.volume.drivers.dsware import waiting
from cinder.volume import volume_utils

LOG = logging.getLogger(__name__)


class Kind(abc.ABC):
    """What may be interrupted.

    :cvar subject: what it is, for messages
    :param driver: the driver
    :param array: its :class:`array.Array`
    :param context: the admin context
    """

    subject = ''

    def __init__(self, driver, array, context):
        self._driver = driver
        self._array = array
        self._context = context

    @abc.abstractmethod
    def find(self) -> dict:
        """Look for things that are on their way, or look so.

        :returns: when the record of each was changed last, by its id
        """

    def volumes(self, id_) -> list:
        """Tell which volumes whoever works at a thing claims.

        :param id_: its id
        :returns: ids; that of the thing, which is a volume
        """
        return [id_]

    @abc.abstractmethod
    def settle(self, id_) -> bool:
        """Settle a thing that nobody works at; this may be repeated.

        :param id_: its id
        :returns: whether nothing is left to do
        :raises NotFound: Cinder has no record of it
        """

    def _own_volumes(self, **filters):
        """List the Cinder volumes of this service or its cluster."""
        where = ({'cluster_name': self._driver.cluster_name}
                 if self._driver.cluster_name
                 else {'host': self._driver.host})
        return objects.VolumeList.get_all(
            self._context, filters={**where, **filters})

    def _is_own(self, record):
        """Tell whether a volume or group is of this service or cluster."""
        if self._driver.cluster_name:
            place, own = record.cluster_name, self._driver.cluster_name
        else:
            place, own = record.host, self._driver.host
        return bool(place) and volume_utils.extract_host(place) == own

    def _is_of_own(self, snapshot):
        """Tell whether a snapshot is of this service or cluster.

        One whose volume Cinder has forgotten is nobody's. It must not keep
        others from being settled.
        """
        try:
            return self._is_own(snapshot.volume)
        except exception.VolumeNotFound:
            LOG.debug('Snapshot %s has no volume any more.', snapshot.id)
            return False


class Settler:
    """Brings to an end what an earlier run of a service has begun.

    :param kinds: what may be interrupted
    :param context: the admin context
    :param patience: seconds after which to give up
    """

    def __init__(self, kinds, context, patience):
        self._kinds = {kind.subject: kind for kind in kinds}
        self._context = context
        self._patience = patience

    def start(self) -> threading.Thread | None:
        """Look for what was interrupted, and settle it in the background.

        To be called before the service takes requests: what is under way
        then was begun by an earlier run.

        :returns: the thread, or None when there is nothing to do
        """
        found = self.find()
        if not found:
            return None
        return threads.start('dsware-interrupted', self._context,
                             self.settle, found)

    def find(self) -> dict:
        """Look for what is on its way, or looks so.

        :returns: when the record of each changed last, by its subject and
            id
        """
        return {(subject, id_): changed
                for subject in self._kinds
                for id_, changed in self._find(subject).items()}

    def _find(self, subject):
        try:
            return self._kinds[subject].find()
        except Exception as error:
            # Records that contradict each other, as of a snapshot without
            # its volume, must not keep the service from starting.
            LOG.error('Whether the %(subject)s was interrupted cannot be '
                      'found out, so none is settled: %(error)s', {
                          'subject': subject, 'error': error})
            return {}

    def volumes(self, thing) -> list:
        """Tell which volumes whoever works at something claims.

        :param thing: its subject and id
        :returns: ids
        """
        subject, id_ = thing
        return self._kinds[subject].volumes(id_)

    def settle(self, things) -> None:
        """Settle all, and try again what does not work yet.

        The service takes requests meanwhile. What one of these has changed
        is not touched any more: it is theirs.

        :param things: when the record of each changed last, by its subject
            and id
        """
        left = self._settle_each(things)
        for _elapsed in waiting.pauses(waiting.Deadline(self._patience)):
            if not left:
                return
            left = self._settle_each(self._untouched(left))
        for subject, id_ in left:
            LOG.error('The interrupted %(subject)s %(id)s could not be '
                      'settled; the next start of this service tries '
                      'again.', {'subject': subject, 'id': id_})

    def _settle_each(self, things):
        """Settle things; give those that are left, with their records' time.

        An attempt may have changed a record itself.
        """
        left = [thing for thing in things if not self.settle_one(thing)]
        found = self._find_again(left)
        return {thing: found.get(thing, things[thing]) for thing in left}

    def _untouched(self, things):
        """Leave out what has changed since the last attempt."""
        found = self._find_again(things)
        untouched = {thing: changed for thing, changed in things.items()
                     if found.get(thing, changed) == changed}
        for subject, id_ in things.keys() - untouched.keys():
            LOG.warning('The interrupted %(subject)s %(id)s is left alone: '
                        'its record has changed meanwhile.',
                        {'subject': subject, 'id': id_})
        return untouched

    def _find_again(self, things):
        return {(subject, id_): changed
                for subject in {subject for subject, _id in things}
                for id_, changed in self._find(subject).items()}

    def settle_one(self, thing) -> bool:
        """Settle one thing that nobody works at.

        :param thing: its subject and id
        :returns: whether nothing is left to do
        """
        subject, id_ = thing
        try:
            return self._kinds[subject].settle(id_)
        except exception.NotFound:
            # Cinder's record of it.
            return True
        except Exception as error:
            # Also what os-brick and the messaging raise.
            LOG.warning('The interrupted %(subject)s %(id)s is not settled '
                        'yet: %(error)s', {
                            'subject': subject, 'id': id_, 'error': error})
            return False
