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

"""Listing what could be managed."""

import json

from cinder.tests.unit.volume.drivers.dsware.integration import base


class ListingTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)
        self.host.create('legacy', 1)
        self.host.run('createSnapshot', volName='legacy', snapName='monday')

    def names(self, listing=None, marker=None, limit=1000, offset=0):
        listing = listing or self.dsware.get_manageable_volumes
        return [entry['reference']['source-name'] for entry in listing(
            [], marker, limit, offset, ['reference'], ['asc'])]

    def test_listings_get_over_faults(self):
        for op, listing, found in (
                ('queryAllVolume', self.dsware.get_manageable_volumes,
                 'legacy'),
                ('queryAllSnapshot', self.dsware.get_manageable_snapshots,
                 'monday')):
            for kind in ('drop_before', 'drop_after', 'cut_frame',
                         'garbage'):
                self.control.add_fault(kind=kind, op=op, count=1)
                self.assertEqual([found], self.names(listing))
        self.control.agent_down(self.simulator.agents[0][0])
        self.assertEqual(['legacy'], self.names())


class SocketListingTestCase(ListingTests, base.SocketTestCase):

    def test_a_long_listing(self):
        """One that comes in many frames, page by page."""
        for number in range(3000):
            self.host.create(f'many-{number:04}', 1, pool=1)
        marker, found = None, []
        while True:
            page = self.names(marker=marker, limit=1000)
            if not page:
                break
            found += page
            marker = json.dumps({'source-name': page[-1]})
        self.assertEqual(
            ['legacy'] + [f'many-{n:04}' for n in range(3000)], found)
        self.assertEqual(found[-10:], self.names(limit=10, offset=2991))


class CLIListingTestCase(ListingTests, base.CLITestCase):
    pass


class RESTListingTestCase(ListingTests, base.RESTTestCase):
    pass
