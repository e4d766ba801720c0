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

"""What a dead service of a Cinder cluster left; the others clear it up.

Cinder itself hands over only what an operator asks for with "cinder
work-cleanup", and that not to the driver. So with each report of its
statistics a service looks for others whose heartbeat has stopped, and after
its own start for what its earlier run left. Only then are volumes looked
at, and of these only those that nobody works at: see :mod:`claims`.
"""

import dataclasses

from oslo_config import cfg
from oslo_log import log as logging

from cinder.common import constants
from cinder import objects
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import interrupted
from cinder.volume.drivers.dsware import recovery
from cinder.volume.drivers.dsware import reporting
from cinder.volume.drivers.dsware import threads
from cinder.volume.drivers.dsware import waiting

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

# Volumes that a dead service was making. Cinder changes the others to error
# when the service starts again, or when it is told to clean up.
_MAKING = ('error', 'creating', 'downloading')
_OWN_START = 'start'
_ONCE_MORE = ('What a dead service of cluster %s left could not be looked '
              'at; it is tried again.')


@dataclasses.dataclass
class _Death:
    """The end of a service that is looked into.

    :param quiet: until when to go on looking
    :param patience: when to give up what does not work
    """

    quiet: waiting.Deadline
    patience: waiting.Deadline


class ClusterRecovery:
    """Clears up after the services of a Cinder cluster.

    :param array: the :class:`array.Array`
    :param context: the admin context
    :param cluster: the Cinder cluster
    :param claims: the :class:`claims.Claims`
    :param settler: the :class:`settling.Settler`
    :param exporter: the :class:`backups.Exporter`
    :param patience: seconds after which to give up
    :param recall: called to look again at what services have attached
    """

    def __init__(self, array, context, cluster, claims, settler, exporter,
                 patience, recall):
        self._array = array
        self._context = context
        self._cluster = cluster
        self._claims = claims
        self._settler = settler
        self._exporter = exporter
        self._patience = patience
        self._recall = recall
        # By (id, last heartbeat) of a service.
        self._deaths = {}
        self._settled = set()
        # By what was interrupted: when its record changed last, and how
        # long it has to stay so.
        self._seen = {}
        self._thread = None

    def start(self) -> None:
        """Look for what an earlier run of this service left."""
        self._add(_OWN_START)
        self.look()

    def look(self) -> None:
        """Look for services that died, and clear up in the background."""
        self._claims.review(interrupted.is_under_way)
        dead = {(service.id, service.updated_at)
                for service in self._services() if not service.is_up}
        self._settled &= dead
        for death in dead - self._settled - set(self._deaths):
            self._add(death)
        if self._deaths and not self._is_busy():
            self._thread = threads.start('dsware-recovery', self._context,
                                         self.clear)

    def _services(self):
        return objects.ServiceList.get_all(self._context, {
            'cluster_name': self._cluster,
            'binary': constants.VOLUME_BINARY})

    def _add(self, death):
        self._deaths[death] = _Death(
            waiting.Deadline(CONF.service_down_time),
            waiting.Deadline(self._patience))

    def _is_busy(self):
        return self._thread is not None and self._thread.is_alive()

    def clear(self) -> None:
        """Clear up what can be, once."""
        over = {key for key, death in self._deaths.items()
                if death.quiet.expired}
        try:
            self._recall()
            done = self._clear_making()
            done = self._settle() and done
        except exceptions.DSWareError as error:
            reporting.log_once(LOG, logging.WARNING, error, _ONCE_MORE
                               % self._cluster)
            done = False
        except Exception:
            # Whatever the database, the coordination backend or os-brick
            # raises; a thread has nobody to tell.
            LOG.exception(_ONCE_MORE, self._cluster)
            done = False
        for key in list(self._deaths):
            if (done and key in over) or self._deaths[key].patience.expired:
                del self._deaths[key]
                self._settled.add(key)

    def _clear_making(self):
        """Clear what volumes that were being made left; tell whether all.

        :returns: False when the cluster cannot be asked
        """
        for status in _MAKING:
            for volume in objects.VolumeList.get_all(self._context, filters={
                    'cluster_name': self._cluster, 'status': status}):
                if recovery.is_of_new_group(volume):
                    continue
                with self._claims.abandoned(volume.id) as free:
                    if free and not recovery.clear(self._array, volume):
                        return False
        self._exporter.clear_leftovers(self._context, cluster=self._cluster)
        return True

    def _settle(self):
        """Settle what was interrupted; tell whether nothing is left.

        Between a request and the driver's part of it, and for a moment
        after that, a volume looks abandoned. So one has to be seen so twice
        without a change of its record.
        """
        found = self._settler.find()
        self._seen = {thing: seen for thing, seen in self._seen.items()
                      if thing in found and seen[0] == found[thing]}
        done = True
        for thing, changed in found.items():
            with self._claims.abandoned(
                    *self._settler.volumes(thing)) as free:
                if not free:
                    self._seen.pop(thing, None)
                elif not self._settle_one(thing, changed):
                    done = False
        return done

    def _settle_one(self, thing, changed):
        _changed, quiet = self._seen.setdefault(thing, (
            changed, waiting.Deadline(CONF.service_down_time)))
        if not quiet.expired or not self._settler.settle_one(thing):
            return False
        # What has been asked for takes a while.
        del self._seen[thing]
        return True
