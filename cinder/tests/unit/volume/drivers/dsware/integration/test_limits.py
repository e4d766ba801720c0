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

"""Limits of volumes, on a simulated cluster."""

from concurrent import futures

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.dsware.array import models


class LimitTests:

    def setUp(self):
        super().setUp()
        self.host = base.Host(self.simulator)
        self.dsware = self.make_driver()

    def limits(self, volume):
        """The limits of a volume, as the cluster prints them."""
        printed = self.host.run('queryVolumeQoSInfo', volName=volume.name)
        fields = dict(line.split(':') for line in printed.splitlines()
                      if ':' in line)
        return {key: int(value) for key, value in fields.items()
                if key in models.QOS_LIMITS and value != '0'}

    def test_every_limit_reaches_the_cluster(self):
        wanted = {key: 100 + number for number, key
                  in enumerate(sorted(models.QOS_LIMITS))}
        wanted.update(minBaselineIOPS=1, minBaselineMBPS=2, burstIOPS=5000,
                      burstMBPSPerTB=6000)
        volume = base.make_volume(volume_type_id=base.make_limited_type(
            **{key: str(value) for key, value in wanted.items()}))
        self.dsware.create_volume(volume)
        self.assertEqual(wanted, self.limits(volume))

    def test_both_services_change_one_volume(self):
        volume = base.make_volume(
            volume_type_id=base.make_limited_type(maxIOPS='10'))
        self.dsware.create_volume(volume)
        # Without Cinder's database, which these tests have for one thread.
        arrays = [self.dsware._array, self.make_driver()._array] * 3

        def change(number):
            arrays[number].qos.limit(volume.name, {
                **dict.fromkeys(models.QOS_LIMITS, 0),
                'maxIOPS': number + 1})

        with futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(change, range(6)))
        (maximum,) = self.limits(volume).values()
        self.assertIn(maximum, range(1, 7))
        self.dsware.delete_volume(volume)
        self.assertEqual(set(), self.policies())


class SocketLimitTestCase(LimitTests, base.SocketTestCase):
    pass


class RESTLimitTestCase(LimitTests, base.RESTTestCase):
    pass
