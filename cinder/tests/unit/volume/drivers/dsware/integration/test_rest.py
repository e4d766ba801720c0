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

"""Managers of all releases and habits, whose answers get lost."""

import socket

import ddt
import fixtures

from cinder import context
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import base
from tools import secret_marks

DATA = b'data' * 1000
# What a manager may do in place of, or besides, carrying a request out.
LOSSES = (
    {'kind': 'http_status', 'code': 401}, {'kind': 'http_status', 'code': 429},
    {'kind': 'http_status', 'code': 503},
    {'kind': 'http_status_after', 'code': 500},
    {'kind': 'http_status_after', 'code': 504},
    {'kind': 'html'}, {'kind': 'wrong_type'}, {'kind': 'expire'},
    {'kind': 'endless'}, {'kind': 'cut_frame'}, {'kind': 'garbage'},
    {'kind': 'drop_before'}, {'kind': 'drop_after'}, {'kind': 'hang'},
    {'kind': 'drip', 'seconds': 0.2})
# Each of them takes the time of an attempt.
SLOW = ('hang', 'drip')
CHANGES = (
    'createVolume', 'createQoS', 'associateQoSWithVolume', 'createSnapshot',
    'createVolumeFromSnap', 'createFullVolumeFromSnap', 'expandVolume',
    'setQoS', 'attachVolume', 'detachVolume', 'rollbackSnapshot',
    'migrateVolumeCold', 'deleteMigration', 'deleteSnapshot', 'deleteVolume',
    'deleteQoS')


class LifeTestCase(base.RESTTestCase):
    """A volume's whole life."""

    OPTIONS = {'dsware_request_timeout': 4, 'dsware_attach_by': 'manager'}

    def setUp(self):
        super().setUp()
        self.host = base.Host(self.simulator)
        self.log = self.useFixture(fixtures.FakeLogger(level=0))
        self.addCleanup(self.assert_no_secret)

    def assert_no_secret(self):
        self.assertNotIn(secret_marks.MARK, self.log.output)

    def make_driver(self, agents=None, **options):
        mapping = {'compute': '%s:%d' % self.simulator.agents[0]}
        return super().make_driver(agents, dsware_host_agents=mapping,
                                   **options)

    def live(self, dsware, moves=True, between=lambda: None):
        """Do all that there is to do with a volume.

        :param moves: whether the cluster can move it
        :param between: called before each step
        """
        steps = self.steps(dsware, moves)
        for _step in steps:
            between()
        self.assertHolds()
        self.assertEqual(set(), self.policies())

    def steps(self, dsware, moves):
        volume = base.make_volume(
            volume_type_id=base.make_limited_type(maxIOPS='100'))
        database.add_volume(volume)
        dsware.create_volume(volume)
        yield
        self.attach(dsware, volume)
        self.host.write(volume.name, 0, DATA)
        yield
        snapshot = self.snapped(dsware, volume)
        yield
        clones = []
        for size in (1, 2):
            clones.append(base.make_volume(size))
            dsware.create_volume_from_snapshot(clones[-1], snapshot)
            self.assertEqual(size << 30, self.host.size(clones[-1].name))
            self.assert_data(clones[-1])
            yield
        self.host.write(volume.name, 0, b'new')
        dsware.revert_to_snapshot(None, volume, snapshot)
        self.assert_data(volume)
        yield
        dsware.delete_snapshot(snapshot)
        yield
        dsware.extend_volume(volume, 3)
        volume.size = 3
        self.assertEqual(3 << 30, self.host.size(volume.name))
        yield
        self.assertEqual((moves, None), dsware.migrate_volume(
            context.get_admin_context(), volume,
            base.make_destination(dsware, 1)))
        self.assertEqual(int(moves), self.on_cluster(volume.name)['pool_id'])
        self.assert_data(volume)
        for gone in (*clones, volume):
            yield
            dsware.delete_volume(gone)
            self.assertIsNone(self.on_cluster(gone.name))

    def attach(self, dsware, volume):
        connector = {'host': 'compute', 'ip': self.host.address,
                     'dsware_cli': True}
        dsware.initialize_connection(volume, connector)
        self.assertEqual([volume.name], [
            item['name'] for item in self.control.status()['attachments']])
        dsware.terminate_connection(volume, connector)
        self.assertEqual([], self.control.status()['attachments'])

    def assert_data(self, volume):
        self.assertEqual(DATA, self.host.read(volume.name, 0, len(DATA)))


@ddt.ddt
class RESTHabitTestCase(LifeTestCase):

    @ddt.data(
        {'release': '8.0.0'}, {'release': '8.1.0'}, {'release': '8.1.2'},
        {'release': '8.1.5'}, {'version': 'v1.0'},
        {'release': '8.0.0', 'missing': 'status'},
        {'release': '8.0.0', 'missing': 'html'},
        {'refusals': 'detail'}, {'refusals': 'errorCode'},
        {'refusals': 'error'}, {'codes': 'number'}, {'codes': 'text'},
        {'refusal_status': 400}, {'refusal_status': 500},
        {'absent': 'missing'}, {'absent': 'empty'}, {'lists': True},
        {'total': 'all'}, {'clone_size': 'asked'}, {'detached': 'volume'},
        {'detached': 'none'}, {'cookies': True}, {'strict': False})
    def test_habit(self, habit):
        self.control.set_rest(**habit)
        self.live(self.make_driver(),
                  habit.get('release', '8.1.5') == '8.1.5')
        self.assertEqual([], self.control.status()['protocol_errors'])

    @ddt.data('result', 'errorCode', 'status')
    def test_the_token_ends_before_each_step(self, place):
        self.control.set_rest(offline=place, cookies=True)
        self.live(self.make_driver(), between=self.control.expire_tokens)

    def test_the_token_ends_again_and_again(self):
        """In the middle of what the driver does, too."""
        dsware = self.make_driver()
        for op in CHANGES:
            self.control.add_fault(kind='expire', op=op, count=1)
        self.live(dsware)


@ddt.ddt
class RESTLossTestCase(LifeTestCase):

    @ddt.data(*LOSSES)
    def test_each_change_meets(self, loss):
        """Nothing is lost, adopted or left behind."""
        dsware = self.make_driver()
        ops = CHANGES[::4] if loss['kind'] in SLOW else CHANGES
        for op in ops:
            self.control.add_fault(op=op, count=1, **loss)
        self.live(dsware)

    def test_one_of_two_managers_is_not_there(self):
        with socket.create_server((self.ADDRESS, 0)) as listening:
            nobody = listening.getsockname()
        self.live(self.make_driver([nobody, self.manager]))
