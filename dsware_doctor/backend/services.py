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

"""Whether the services that serve backends report to Cinder's database."""

import dataclasses
import datetime

from oslo_config import cfg
from oslo_utils import timeutils

from cinder.volume import volume_utils
from dsware_doctor.backend import database
from dsware_doctor import findings

CONF = cfg.CONF

_VOLUME = 'cinder-volume'
_BACKUP = 'cinder-backup'


@dataclasses.dataclass(frozen=True)
class Services:
    """What Cinder's database knows of its services.

    :ivar volume: services of cinder-volume
    :ivar backup: services of cinder-backup
    :ivar workers: what they have noted to work on; see database.workers()
    """

    volume: list
    backup: list
    workers: dict

    @classmethod
    def read(cls) -> 'Services':
        """Read them.

        :raises SQLAlchemyError: the database does not answer
        """
        return cls(database.services(_VOLUME), database.services(_BACKUP),
                   database.workers())

    def of(self, host: str, cluster: str = '') -> list:
        """Find the services that may serve a backend.

        :param host: HOST@BACKEND, with a pool or without
        :param cluster: CLUSTER@BACKEND, with a pool or without
        """
        host = volume_utils.extract_host(host or '')
        cluster = volume_utils.extract_host(cluster or '')
        return [one for one in self.volume
                if (one.cluster_name == cluster if cluster
                    else one.host == host)]

    def works_on(self, record: database.Volume | database.Snapshot) -> bool:
        """Tell whether a service is there for a volume or snapshot.

        Of several that may be at it, none may have died meanwhile.

        :param record: the record
        """
        there = self._candidates(record)
        return any(one.is_up for one in there) and not _dead(there, record)

    def suspects(self, record: database.Volume | database.Snapshot
                 ) -> list[str]:
        """Name services that may have been at a record when they died.

        :param record: the record
        :returns: their hosts, none when there is no service that may still
            be at it instead
        """
        there = self._candidates(record)
        return [one.host for one in _dead(there, record)
                if any(other.is_up for other in there)]

    def _candidates(self, record):
        """Find who may work on a record: one, if Cinder has noted it."""
        there = self.of(record.host, record.cluster_name)
        noted = self.workers.get((record.kind, record.id, record.status))
        return [one for one in there if one.id == noted] or there

    def backs_up(self, volume: database.Volume) -> bool:
        """Tell whether the service that backs a volume up is there.

        :param volume: the record
        """
        host = database.backup_host(volume.id)
        return any(one.is_up for one in self.backup if one.host == host)

    def check(self, place: database.Place) -> list[findings.Finding]:
        """Look at the services of a backend.

        :param place: where its volumes are
        :returns: what was found
        """
        there = self.of(place.host, place.cluster)
        if not there:
            return [findings.problem(
                'service-unknown', '%s has never reported for %s' % (
                    _VOLUME, place.host),
                'start cinder-volume; if it runs, host and enabled_backends '
                'of its configuration differ from what was read here',
                "no service of that name is in Cinder's database")]
        return [_of_service(one) for one in there]


def _last(service):
    """When it reported last, as the database has times."""
    return timeutils.normalize_time(service.updated_at or service.created_at)


def _dead(services, record):
    """Find those that Cinder took for alive when the record was changed."""
    silence = datetime.timedelta(seconds=CONF.service_down_time)
    return [one for one in services
            if not one.is_up and _last(one) + silence >= record.changed]


def _of_service(service):
    name = '%s on %s' % (_VOLUME, service.host)
    if not service.is_up:
        return findings.problem(
            'service-down', '%s does not report: last at %s UTC' % (
                name, _last(service).strftime('%Y-%m-%d %H:%M:%S')),
            'see its log, and start it: `systemctl status '
            'openstack-cinder-volume cinder-volume`',
            'it is stopped, hangs, or cannot reach the database', name)
    if service.disabled:
        return findings.note('%s is disabled: %s' % (
            name, service.disabled_reason or 'no reason is told'))
    return findings.ok('%s reports' % name)
