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
"""Rules about what only the manager does."""

from dsware_sim.cluster import model
from dsware_sim.cluster import state
from dsware_sim import codes
from dsware_sim.tests import base


class ManagerTestCase(base.RulesTestCase):
    """Asks as the manager, which is no agent."""

    def setUp(self):
        super().setUp()
        self.volume()

    def ok(self, op, **args):
        return super().ok(op, **{'agent': None, **args})

    def refused(self, code, op, **args):
        super().refused(code, op, **{'agent': None, **args})

    def replay(self):
        """Make the state again: from all events, and from its image."""
        for events in (self.request.events, list(self.state.dump())):
            other = state.State()
            other.apply([['cluster', 7, 1], ['pool', 0, 10240],
                         ['pool', 1, 4096]])
            other.apply(events)
            # Both are cut from the same cloth now, but for the numbers.
            self.assertEqual(list(self.state.dump())[1:],
                             list(other.dump())[1:])


class ExchangeTestCase(ManagerTestCase):
    """Two volumes exchange their places."""

    def setUp(self):
        super().setUp()
        self.volume('w', pool=1)
        self.number = self.state.volumes['v'].id

    def exchange(self):
        self.ok('exchangeVolumes', volNameSrc='v', volNameDst='w')

    def told(self):
        return self.ok('queryExchange', volId=self.number)[0]['state']

    def test_no_agent_knows_it(self):
        for op, args in (('exchangeVolumes', {}), ('queryExchange', {}),
                         ('forgetExchange', {}), ('cancelRollback', {})):
            self.refused(codes.OPERATION_UNKNOWN, op, agent=base.HOST, **args)

    def test_done(self):
        before = {name: (item.id, item.wwn)
                  for name, item in self.state.volumes.items()}
        self.exchange()
        self.assertEqual('running', self.told())
        self.replay()
        for name in 'vw':
            self.assertEqual(str(model.VOLUME_COPYING),
                             self.query(name)['status'])
            self.refused(codes.VOLUME_IS_MIGRATING, 'deleteVolume',
                         volName=name)
        self.request.end_copies()
        self.assertEqual(('1', '0'), (self.query('v')['pool_id'],
                                      self.query('w')['pool_id']))
        self.assertEqual(before, {name: (item.id, item.wwn) for name, item
                                  in self.state.volumes.items()})
        self.assertEqual('done', self.told())
        self.replay()
        # The one that was made for it may go; the note stays.
        self.ok('deleteVolume', volName='w')
        self.assertEqual('done', self.told())
        self.ok('forgetExchange', volId=self.number)
        self.refused(codes.OPERATION_NOT_SUPPORTED, 'queryExchange',
                     volId=self.number)
        self.replay()

    def test_failed(self):
        self.exchange()
        self.request.end_copies('job_failed')
        self.assertEqual('failed', self.told())
        self.assertEqual(('0', '0'), (self.query('v')['pool_id'],
                                      self.query('v')['status']))
        self.replay()

    def test_cancelled(self):
        self.exchange()
        self.ok('forgetExchange', volId=self.number)
        self.assertEqual({}, self.state.jobs)
        self.assertEqual(('0', '0'), (self.query('v')['pool_id'],
                                      self.query('w')['status']))
        self.exchange()

    def test_refused(self):
        self.volume('small', pool=1, size=512)
        self.volume('near')
        self.volume('used', pool=1)
        self.request.write('used', 1)
        self.volume('huge', pool=0, size=1024)
        for other, code in (
                ('v', codes.VOLUME_TYPE_MISMATCH),
                ('small', codes.VOLUME_SIZE_INVALID),
                ('near', codes.POOL_ID_OUT_OF_RANGE),
                ('used', codes.NODE_TYPE_ERROR),
                ('none', codes.VOLUME_NOT_EXIST)):
            self.refused(code, 'exchangeVolumes', volNameSrc='v',
                         volNameDst=other)
        self.ok('attachVolume', agent=base.HOST, volName='w')
        self.refused(codes.NODE_IN_USE, 'exchangeVolumes', volNameSrc='v',
                     volNameDst='w')
        self.ok('detachVolume', agent=base.HOST, volName='w')
        self.snapshot()
        self.refused(codes.NODE_IN_USE, 'exchangeVolumes', volNameSrc='v',
                     volNameDst='w')

    def test_no_room(self):
        self.request.write('v', 1000)
        self.state.apply([['filler', 1, 3500]])
        self.refused(codes.SPACE_NOT_ENOUGH, 'exchangeVolumes',
                     volNameSrc='v', volNameDst='w')


class RollbackTestCase(ManagerTestCase):
    """Rollbacks that are cancelled, and when they ended."""

    def setUp(self):
        super().setUp()
        self.snapshot()

    def start(self):
        self.ok('rollbackSnapshot', snapName='s', volName='v')

    def test_cancelled(self):
        self.refused(codes.OPERATION_NOT_SUPPORTED, 'cancelRollback',
                     snapName='s')
        self.start()
        self.ok('cancelRollback', snapName='s')
        self.assertEqual(str(model.FAILED), self.query('v')['status'])
        self.assertEqual(self.request.now,
                         self.state.snapshots['s'].rolled_back)
        self.replay()
        # What a rollback has left is mended by one that reaches its end.
        self.start()
        self.request.end_copies()
        self.assertEqual('0', self.query('v')['status'])

    def test_of_another_snapshot(self):
        self.snapshot(name='t')
        self.start()
        self.refused(codes.OPERATION_NOT_SUPPORTED, 'cancelRollback',
                     snapName='t')
        self.refused(codes.SNAPSHOT_NOT_EXIST, 'cancelRollback',
                     snapName='x')
