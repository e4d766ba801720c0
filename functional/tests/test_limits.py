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

"""Limits of volumes, and of what may be provisioned, through the API."""

import contextlib
import uuid

from functional.services import cloud
from functional.services import waiting
from functional.tests import base

MICROVERSION = '3.42'
SECONDS = 60


class LimitBasics(object):
    """QoS on the back end, and extensions that do not fit."""

    def limited_type(self, consumer='back-end', **specs):
        """A volume type with a qos spec of its own, deleted at the end.

        :param consumer: which end the spec is for
        :param specs: its keys and values
        :returns: name of the type, id of the spec
        """
        name = 'limited-' + uuid.uuid4().hex[:8]
        made = self.volumes.create_type(name=name)
        self.addCleanup(self.volumes.delete_type, made)
        self.volumes.update_type_extra_specs(
            made, volume_backend_name=self.backend)
        if not specs:
            return name, None
        spec = self._call('post', '/qos-specs', json={'qos_specs': {
            'name': name, 'consumer': consumer, **specs}})['qos_specs']
        self.addCleanup(self._call, 'delete', '/qos-specs/%s?force=True'
                        % spec['id'])
        self._call('get', '/qos-specs/%s/associate?vol_type_id=%s'
                   % (spec['id'], made.id))
        return name, spec['id']

    def _call(self, method, path, **arguments):
        answer = getattr(self.volumes, method)(
            path, microversion=MICROVERSION, **arguments)
        self.assertLess(answer.status_code, 300, answer.text)
        return answer.json() if answer.content else None

    def limits(self, volume):
        """What limits the cluster keeps a volume to.

        :param volume: the volume
        :returns: a dict of those that are not 0, or None for none
        """
        name = 'volume-' + volume.id
        for qos in self.control.status()['qos']:
            if name in qos['volumes']:
                self.assertEqual(name + '.qos', qos['name'])
                return {key: value for key, value in qos['limits'].items()
                        if value}
        return None

    def retype(self, volume, name, status='available'):
        """Give a volume another type, on its backend.

        :param volume: the volume
        :param name: name of the type
        :param status: the status that it comes back to
        """
        self.volumes.retype_volume(volume, name, 'never')
        self.cloud.wait_for_volume(volume, status)
        self.assertEqual(name,
                         self.volumes.get_volume(volume.id).volume_type)

    def extend(self, volume, size, status='available'):
        self._call('post', '/volumes/%s/action' % volume.id,
                   json={'os-extend': {'new_size': size}})
        return self.cloud.wait_for_volume(volume, status)

    def test_limits_follow_the_volume(self):
        gold, spec = self.limited_type(
            consumer='both', total_iops_sec_per_gb='100',
            total_bytes_sec=str(50 * base.MIB), burstIOPS='5000')
        expected = {'maxIOPS': 100, 'maxMBPS': 50, 'burstIOPS': 5000}
        volume = self.create_volume(volume_type=gold)
        self.assertEqual(expected, self.limits(volume))
        snapshot = self.create_snapshot(volume)
        larger = self.create_volume(2, volume_type=gold,
                                    snapshot_id=snapshot.id)
        self.assertEqual({**expected, 'maxIOPS': 200}, self.limits(larger))
        clone = self.create_volume(volume_type=gold,
                                   source_volume_id=volume.id)
        self.assertEqual(expected, self.limits(clone))

        attached = self.attach(volume)
        self._call('put', '/qos-specs/' + spec,
                   json={'qos_specs': {'burstIOPS': '6000'}})
        self.assertEqual(expected, self.limits(volume))
        self.extend(volume, 3, 'in-use')
        self.assertEqual({**expected, 'maxIOPS': 300, 'burstIOPS': 6000},
                         self.limits(volume))
        self.detach(attached)

        self.cloud.delete_snapshot(snapshot)
        for each in (volume, larger, clone):
            self.cloud.delete_volume(each)
        self.assertEqual([], self.control.status()['qos'])

    def move(self, volume):
        """Have the cluster move a volume to another pool.

        :param volume: the volume
        """
        backend, _at, pool = volume.host.partition('#')
        other = next(name for name in self.pools() if name != pool)
        host = '%s#%s' % (backend, other)
        self.volumes.migrate_volume(volume, host=host)
        waiting.wait_for(
            lambda: self.volumes.get_volume(volume.id).host == host,
            SECONDS, 'Migration of ' + volume.id)

    def extend_too_far(self, volume, size):
        """Extend a volume further than the scheduler allows."""
        asked = self.control.counts().get('expandVolume', 0)
        with contextlib.suppress(cloud.Failed):
            self.extend(volume, size)
        self.assertEqual(asked, self.control.counts().get('expandVolume', 0))

    def wait_for_pool(self, pool, condition):
        """Wait until the scheduler has other figures.

        :param pool: the id of the pool
        :param condition: tells whether its capabilities are those
        """
        def told():
            now = self.pools()[str(pool)]
            if not condition(now):
                raise waiting.NotYet('pool %s is %s' % (pool, now))
            return now

        waiting.wait_for(told, SECONDS, 'Statistics of a pool')


class LimitOperations(LimitBasics):
    """The rest of it."""

    def test_retype_in_use(self):
        gold, _spec = self.limited_type(total_iops_sec='100')
        silver, _spec = self.limited_type(maxMBPS='5')
        plain, _spec = self.limited_type()
        volume = self.create_volume(volume_type=plain)
        self.assertIsNone(self.limits(volume))
        attached = self.attach(volume)
        for name, limits in ((gold, {'maxIOPS': 100}),
                             (silver, {'maxMBPS': 5}), (plain, None)):
            self.retype(volume, name, 'in-use')
            self.assertEqual(limits, self.limits(volume))
        self.detach(attached)
        self.assertEqual([], self.control.status()['qos'])

    def test_a_managed_volume_gets_those_of_its_type(self):
        gold, _spec = self.limited_type(maxIOPS='5')
        silver, _spec = self.limited_type(total_iops_sec_per_gb='100')
        volume = self.create_volume(2, volume_type=gold)
        self.volumes.unmanage_volume(volume)
        self.cloud.wait_until_deleted(volume)
        self.assertEqual({'maxIOPS': 5}, self.limits(volume))

        again = self.volumes.manage_volume(
            host=volume.host, name=self.id(), volume_type=silver,
            ref={'source-name': 'volume-' + volume.id})
        self.addCleanup(self._delete, self.cloud.delete_volume, again,
                        self.volumes.find_volume)
        self.cloud.wait_for_volume(again)

        self.assertEqual({'maxIOPS': 200}, self.limits(volume))
        self.cloud.delete_volume(again)
        self.assertEqual([], self.control.status()['qos'])

    def test_limits_do_not_outlive_their_spec(self):
        """In use or not; nothing is left when a volume is deleted."""
        gold, spec = self.limited_type(total_iops_sec='100')
        plain, _spec = self.limited_type()
        self.volumes.update_type_extra_specs(
            self.volumes.find_type(plain), **{'dsware:clone': 'full'})
        extended, retyped, moved, deleted = [
            self.create_volume(volume_type=gold) for _each in range(4)]
        attached = self.attach(extended)
        self._call('get', '/qos-specs/%s/disassociate_all' % spec)

        self.extend(extended, 2, 'in-use')
        self.retype(retyped, plain)
        self.move(moved)

        for volume in (extended, retyped, moved):
            self.assertIsNone(self.limits(volume))
        self.assertEqual({'maxIOPS': 100}, self.limits(deleted))
        self.detach(attached)
        for volume in (extended, retyped, moved, deleted):
            self.cloud.delete_volume(volume)
        self.assertEqual([], self.control.status()['qos'])

    def test_a_spec_that_becomes_the_hypervisors(self):
        gold, spec = self.limited_type(total_iops_sec='100')
        volume = self.create_volume(volume_type=gold)
        self._call('put', '/qos-specs/' + spec,
                   json={'qos_specs': {'consumer': 'front-end'}})
        self.extend(volume, 2)
        self.assertIsNone(self.limits(volume))

    def test_a_wrong_spec_makes_nothing(self):
        wrong, _spec = self.limited_type(maxIOPS='5', total_iops_sec='6')
        self.assertRaises(cloud.Failed, self.create_volume,
                          volume_type=wrong)
        self.assertEqual([], self.control.status()['volumes'])
        self.assertEqual([], self.control.status()['qos'])

    def test_limits_that_fail_leave_nothing(self):
        gold, _spec = self.limited_type(maxIOPS='5')
        self.control.add_fault(kind='result', op='associateQoSWithVolume',
                               code=50150003)
        self.assertRaises(cloud.Failed, self.create_volume, volume_type=gold)
        self.assertEqual([], self.control.status()['volumes'])
        self.assertEqual([], self.control.status()['qos'])

    def test_thin_volume_grows_up_to_the_ratio(self):
        """Beyond what is there, but not without end."""
        volume = self.create_volume()
        pool = volume.host.partition('#')[2]
        total = int(self.pools()[pool]['total_capacity_gb'])
        self.extend(volume, 2 * total)
        # With those of others, all that may be provisioned but the half.
        for name in ('theirs', 'theirs-too'):
            self.simulator.run('createVolume', volName=name, thinFlag=1,
                               poolId=pool, volSize=9 * 1024 * (total - 1))
            self.addCleanup(self.simulator.run, 'deleteVolume', volName=name)
        self.wait_for_pool(pool, lambda now: (
            now['provisioned_capacity_gb'] > 18 * (total - 1)))

        self.extend_too_far(volume, 3 * total)

        self.assertEqual(2 * total, self.volumes.get_volume(volume.id).size)
        self.assertEqual(2 * total * 1024,
                         self.volume_on_cluster(volume)['size'])

    def test_thick_volume_grows_into_free_space_only(self):
        thick = self.volume_type(self.backend + '-thick', **{
            'provisioning:type': 'thick'})
        volume = self.create_volume(volume_type=thick)
        pool = self.volume_on_cluster(volume)['pool_id']
        self.control.fill_pool(pool, free=1500)
        self.wait_for_pool(pool, lambda now: now['free_capacity_gb'] < 2)

        self.extend_too_far(volume, 3)

        self.assertEqual(1, self.volumes.get_volume(volume.id).size)
        self.assertEqual(1024, self.volume_on_cluster(volume)['size'])
        self._call('post', '/volumes/%s/action' % volume.id,
                   json={'os-reset_status': {'status': 'available'}})
        self.extend(volume, 2)
        self.assertEqual(2048, self.volume_on_cluster(volume)['size'])


class SocketTest(LimitOperations, base.FunctionalTestCase):
    """The driver talks to the agents over sockets."""

    backend = 'socket'

    def test_capabilities(self):
        host = next(pool['name'].partition('#')[0]
                    for pool in self.stack.cinder.pools()
                    if '@socket#' in pool['name'])
        found = self._call('get', '/capabilities/' + host)
        self.assertEqual('Huawei', found['vendor_name'])
        clone = found['properties']['dsware:clone']
        self.assertEqual(['linked', 'full'], clone['enum'])
        self.assertEqual('linked', clone['default'])
        self.assertTrue(all(pool['QoS_support']
                            for pool in self.pools().values()))


class CLITest(LimitBasics, base.FunctionalTestCase):
    """The driver runs fsc_cli."""

    backend = 'cli'


class RESTTest(LimitBasics, base.FunctionalTestCase):
    """The driver talks to the manager over REST."""

    backend = 'rest'
