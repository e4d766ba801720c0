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

"""A backend without replication, as Cinder's API shows it."""

from openstack import exceptions as sdk_exceptions

from functional.services import cloud
from functional.tests import base


class ReplicationTest(base.FunctionalTestCase):
    """Failing over is refused; freezing works as for every backend."""

    def service(self):
        found, = [service for service in self.volumes.services()
                  if service.host.endswith('@' + self.backend)]
        return found

    def test_it_is_reported_as_not_supported(self):
        self.assertEqual({False}, {
            pool['replication_enabled'] for pool in self.pools().values()})
        self.assertEqual('disabled', self.service().replication_status)

    def test_failing_over_is_refused_and_changes_nothing(self):
        volume = self.create_volume()

        answer = self.volumes.put('/os-services/failover_host', json={
            'host': self.service().host, 'backend_id': 'other'})

        self.assertEqual(400, answer.status_code)

        self.assertEqual('available',
                         self.volumes.get_volume(volume.id).status)
        self.assertEqual('enabled', self.service().status)

    def test_freeze_and_thaw(self):
        volume = self.create_volume()
        self.volumes.freeze_service(self.service())
        self.addCleanup(self.thaw)

        self.assertEqual('disabled', self.service().status)
        self.assertRaises(cloud.Failed, self.create_volume)
        self.assertRaises(sdk_exceptions.BadRequestException,
                          self.volumes.delete_volume, volume)

        self.thaw()
        self.create_volume()
        self.cloud.delete_volume(volume)

    def thaw(self):
        if self.service().status == 'disabled':
            self.volumes.thaw_service(self.service())
        self.assertEqual('enabled', self.service().status)
