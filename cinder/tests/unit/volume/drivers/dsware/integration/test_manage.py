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

"""Managing what is on the cluster already."""

import json

from oslo_utils import timeutils

from cinder import context
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base

OLD, NEW = b'old data', b'new data'


class ManageTests:

    OPTIONS = {'dsware_request_timeout': 5}

    def setUp(self):
        super().setUp()
        self.context = context.get_admin_context()
        self.dsware = self.make_driver()
        self.host = base.Host(self.simulator)
        self.make('legacy', 1536)
        self.host.write('legacy', 0, OLD)
        self.host.run('createSnapshot', volName='legacy', snapName='monday')
        self.host.write('legacy', 0, NEW)

    def make(self, name, size, pool=0):
        self.host.run('createVolume', volName=name, volSize=size,
                      poolId=pool, thinFlag=1)

    def manage(self, name='legacy', pool=0):
        volume = objects.Volume(
            self.context, size=0, host=f'host@backend#{pool}',
            volume_type_id=self.vt['id'])
        volume.create()
        reference = {'source-name': name}
        volume.size = self.dsware.manage_existing_get_size(volume, reference)
        volume.update(self.dsware.manage_existing(volume, reference))
        volume.launched_at = timeutils.utcnow()
        volume.save()
        return volume

    def manage_snapshot(self, volume, name='monday'):
        snapshot = objects.Snapshot(
            self.context, volume_id=volume.id, volume_size=volume.size,
            volume_type_id=self.vt['id'], status='creating')
        snapshot.create()
        snapshot = objects.Snapshot.get_by_id(self.context, snapshot.id)
        reference = {'source-name': name}
        snapshot.volume_size = (
            self.dsware.manage_existing_snapshot_get_size(snapshot,
                                                          reference))
        snapshot.update(
            self.dsware.manage_existing_snapshot(snapshot, reference))
        snapshot.save()
        return snapshot

    def names(self, listing=None, known=(), marker=None, limit=1000,
              offset=0, keys=('reference',), dirs=('asc',)):
        listing = listing or self.dsware.get_manageable_volumes
        return [entry['reference']['source-name'] for entry in listing(
            known, marker, limit, offset, list(keys), list(dirs))]

    def test_a_managed_volume_is_one_like_any_other(self):
        volume = self.manage()
        self.assertEqual(2, volume.size)
        self.assertEqual(2 << 30, self.host.size('legacy'))
        self.assertEqual(NEW, self.host.read('legacy', 0, 8))
        snapshot = self.manage_snapshot(volume)
        copy = base.make_volume(size=2)
        self.dsware.create_volume_from_snapshot(copy, snapshot)
        self.assertEqual(OLD, self.host.read(copy.name, 0, 8))
        clone = base.make_volume(size=2)
        self.dsware.create_cloned_volume(clone, volume)
        self.assertEqual(NEW, self.host.read(clone.name, 0, 8))
        self.dsware.extend_volume(volume, 3)
        self.assertEqual(3 << 30, self.host.size('legacy'))
        self.dsware.delete_snapshot(snapshot)
        self.dsware.delete_volume(volume)
        self.assertHolds(copy, clone)

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


class SocketManageTestCase(ManageTests, base.SocketTestCase):

    def test_a_long_listing(self):
        """One that comes in many frames, page by page."""
        for number in range(3000):
            self.host.run('createVolume', volName=f'many-{number:04}',
                          volSize=1024, poolId=1, thinFlag=1)
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


class CLIManageTestCase(ManageTests, base.CLITestCase):
    pass


class RESTManageTestCase(ManageTests, base.RESTTestCase):
    pass
