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

"""Volumes that Cinder's own FusionStorage driver has made."""

import json
from unittest import mock

from cinder import context
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.volume.drivers.fusionstorage import dsware as in_tree
from cinder.volume.drivers.fusionstorage import fs_client


class InTreeDriverTestCase(base.RESTTestCase):
    """Both drivers ask the same manager."""

    def setUp(self):
        super().setUp()
        self.context = context.get_admin_context()
        self.dsware = self.make_driver()
        client = fs_client.RestCommon('https://%s:%d' % self.manager,
                                      self.USER, self.PASSWORD)
        # No proxy, and no certificates of this host's.
        client.session.trust_env = False
        self.addCleanup(client.session.close)
        client.login()
        self.in_tree = in_tree.DSWAREDriver(
            configuration=mock.Mock(), host='host@old')
        self.in_tree.client = client
        pool = next(one for one in client.query_pool_info()
                    if one['poolId'] == 0)
        self.old_host = 'host@old#' + pool['poolName']

    def made(self, name=None):
        """Make a volume with Cinder's driver.

        :param name: the one on the cluster, Cinder's own by default
        """
        volume = objects.Volume(
            self.context, size=1, host=self.old_host,
            volume_type_id=self.vt['id'],
            provider_location=json.dumps({'name': name}) if name else None)
        volume.create()
        if name:
            self.in_tree.client.create_volume(
                vol_name=name, vol_size=1024, pool_id=0)
        else:
            self.in_tree.create_volume(volume)
        return volume

    def changed_over(self, old, name):
        """Let go of a volume in Cinder, and manage it into the backend."""
        self.in_tree.unmanage(old)
        old.destroy()
        volume = objects.Volume(self.context, size=0, host='host@backend#0',
                                volume_type_id=self.vt['id'])
        volume.create()
        reference = {'source-name': name}
        volume.size = self.dsware.manage_existing_get_size(volume, reference)
        volume.update(self.dsware.manage_existing(volume, reference))
        volume.launched_at = volume.created_at
        volume.save()
        return volume

    def test_volumes_are_managed_and_deleted(self):
        for name in (None, 'of-an-older-release'):
            old = self.made(name)
            on_cluster = name or old.name
            new = self.changed_over(old, on_cluster)
            self.assertEqual(1, new.size)
            self.dsware.extend_volume(new, 2)
            self.assertEqual(2048, self.on_cluster(on_cluster)['size'])
            self.dsware.delete_volume(new)
            self.assertIsNone(self.on_cluster(on_cluster))

    def snapshot(self, volume):
        """Make a snapshot in Cinder's database."""
        made = objects.Snapshot(
            self.context, volume_id=volume.id, volume_size=1,
            status='creating', volume_type_id=self.vt['id'])
        made.create()
        return objects.Snapshot.get_by_id(self.context, made.id)

    def test_snapshots_go_along(self):
        old = self.made()
        snapshot = self.snapshot(old)
        self.in_tree.create_snapshot(snapshot)
        snapshot.destroy()
        new = self.changed_over(old, old.name)
        other = self.snapshot(new)
        other.update(self.dsware.manage_existing_snapshot(
            other, {'source-name': snapshot.name}))
        self.dsware.delete_snapshot(other)
        self.dsware.delete_volume(new)
        self.assertIsNone(self.on_cluster(old.name))

    def test_a_record_that_gets_a_new_host_needs_nothing_else(self):
        volume = self.made()
        volume.host = 'host@backend#0'
        volume.launched_at = volume.created_at
        volume.save()
        self.dsware.extend_volume(volume, 2)
        self.dsware.delete_volume(volume)
        self.assertIsNone(self.on_cluster(volume.name))
