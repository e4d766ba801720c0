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
"""Faults over REST."""

import http.client
import json
import socket
import time

import ddt

from dsware_sim.front import control
from dsware_sim.front.rest import manager
from dsware_sim.tests.front.rest import client

_CREATE = '/dsware/service/v1.3/volume/create'
_CONTENT = {'volName': 'v', 'volSize': 64, 'poolId': 0}


@ddt.ddt
class FaultsTestCase(client.RestTestCase):
    """Each kind, on the creation of a volume."""

    def create(self):
        return self.rest.ask('POST', _CREATE, _CONTENT)

    def fault(self, kind, op='createVolume', count=1, **more):
        return self.control.add_fault(kind=kind, op=op, count=count, **more)

    def check(self, exists):
        """Tell whether the volume is there; all is well again."""
        self.assertEqual([], self.control.faults())
        self.rest.connection.close()
        names = [one['name'] for one in self.control.status()['volumes']]
        self.assertEqual(['v'] if exists else [], names)
        self.assertEqual(0, self.rest('GET', 'storagePool')['result'])

    @ddt.data(('drop_before', False), ('drop_after', True),
              ('agent_dies', False), ('agent_dies_after', True))
    @ddt.unpack
    def test_connection_lost(self, kind, exists):
        self.fault(kind)
        self.assertRaises((http.client.RemoteDisconnected,
                           ConnectionResetError), self.create)
        if kind.startswith('agent'):
            self.assertRaises(ConnectionRefusedError, self.create)
            self.control.agent_up('rest')
        self.check(exists)

    @ddt.data(401, 403, 404, 429, 500, 502, 503)
    def test_status(self, status):
        self.fault('http_status', code=status)
        self.assertEqual(status, self.create().status)
        self.check(False)
        self.fault('http_status_after', code=status)
        self.assertEqual(status, self.create().status)
        self.check(True)

    def test_result(self):
        self.fault('result', code=50150016)
        self.refused('50150016', self.create().json)
        self.check(False)
        self.fault('result_after', code=50150017)
        self.refused('50150017', self.create().json)
        self.check(True)

    def test_result_of_objects(self):
        self.make()
        self.fault('result', op='deleteVolume', code=50150013)
        answer = self.rest('POST', 'volume/delete', {'volNames': ['v']})
        self.assertEqual((1, [50150013]), (answer['result'], [
            one['errorCode'] for one in answer['detail']]))
        pairs = {'volName': ['v'], 'ipList': [self.host]}
        self.fault('result', op='attachVolume', code=50150012)
        answer = self.rest('POST', 'volume/attach', pairs)
        self.assertEqual((0, '50150012', ''), (
            answer['result'], answer['v'][0]['errorCode'],
            answer['v'][0]['devName']))
        self.fault('result', op='detachVolume', code=50151209)
        answer = self.rest('POST', 'volume/detach', pairs)
        self.assertEqual((0, '50151209'), (
            answer['result'], answer['volumeInfo'][0]['errorCode']))
        self.fault('result', op='queryVolume', code=37000212)
        answer = self.rest.api('GET', 'block_service/volumes?name=v')
        self.assertEqual(37000212, answer['result']['code'])
        self.fault('result', op='queryVolume', code=10000003)
        self.assertEqual(10000003, self.rest(
            'GET', 'volume/queryByName?volName=v')['result'])

    def test_no_json(self):
        self.fault('garbage')
        answer = self.create()
        self.assertEqual('application/json;charset=UTF-8',
                         answer.headers['Content-Type'])
        self.assertRaises(ValueError, json.loads, answer.body)
        self.check(True)

    @ddt.data('html', 'wrong_type')
    def test_content_type(self, kind):
        self.fault(kind)
        answer = self.create()
        self.assertEqual(200, answer.status)
        self.assertTrue(answer.headers['Content-Type'].startswith('text/'))
        self.assertEqual(kind == 'html', b'<html>' in answer.body)
        self.check(True)

    def test_cut(self):
        self.fault('cut_frame')
        self.assertRaises(http.client.IncompleteRead, self.create)
        self.check(True)

    def test_endless(self):
        self.fault('endless')
        self.rest.connection.request('POST', _CREATE, json.dumps(_CONTENT),
                                     self.rest.headers)
        answer = self.rest.connection.getresponse()
        self.assertEqual(b'{', answer.read(1))
        self.assertEqual(4 << 20, len(answer.read(4 << 20)))
        # Nobody else is kept waiting.
        other = self.open()
        self.assertEqual({'result': 0}, other.sign_in())
        answer.close()
        self.check(True)

    def test_drip(self):
        self.fault('drip', seconds=0.01)
        start = time.monotonic()
        self.assertEqual({'result': 0}, self.create().json)
        self.assertGreater(time.monotonic() - start, 0.1)
        # The connection is as good as before.
        self.assertEqual(0, self.rest('GET', 'storagePool')['result'])
        self.check(True)

    def test_hang(self):
        self.fault('hang')
        slow = client.Rest(self.simulator.rest, timeout=0.3)
        slow.headers = self.rest.headers
        self.assertRaises(socket.timeout, slow.ask, 'POST', _CREATE, _CONTENT)
        slow.close()
        self.check(False)

    def test_delay(self):
        self.fault('delay', seconds=0.2)
        start = time.monotonic()
        self.assertEqual({'result': 0}, self.create().json)
        self.assertGreaterEqual(time.monotonic() - start, 0.2)
        self.check(True)

    def test_tokens_end_in_the_middle(self):
        self.fault('expire')
        self.assertEqual(10000003, self.create().json['result'])
        self.assertEqual({'result': 0}, self.rest.sign_in())
        self.check(False)
        # Together with another one, which happens to what is refused.
        self.fault('expire')
        self.fault('drop_after')
        self.assertRaises(http.client.RemoteDisconnected, self.create)
        self.rest.sign_in()
        self.check(False)

    def test_refuse(self):
        self.control.add_fault(kind='refuse', agent='rest', count=1)
        new = self.open()
        # While it is sent, or when it is.
        self.assertRaises((BrokenPipeError, ConnectionResetError),
                          new.sign_in)
        self.assertEqual({'result': 0}, new.sign_in())
        number = self.control.add_fault(kind='refuse', agent='rest')
        self.assertRaises(ConnectionRefusedError, self.open().sign_in)
        self.assertEqual(0, self.rest('GET', 'storagePool')['result'])
        self.control.clear_faults(number)
        self.assertEqual({'result': 0}, self.open().sign_in())

    def test_selection(self):
        # Not for what only agents can do, nor for other agents.
        self.fault('wrong_seq')
        self.fault('cli_hang')
        self.fault('hang', agent=self.host)
        self.assertEqual({'result': 0}, self.create().json)
        self.assertEqual(3, len(self.control.faults()))
        self.control.clear_faults()
        # And agents have none of those that are for REST.
        self.fault('html', count=None, op='*')
        agent = self.connect()
        self.ok(agent, 'login', userName=client.USER,
                password=client.PASSWORD)
        self.ok(agent, 'queryVolume', volName='v')

    def test_every_call_can_meet_one(self):
        for route in manager._ROUTES.values():
            op = route.op({}) if callable(route.op) else route.op
            self.fault('hang', op=op)
            self.control.clear_faults()

    def test_dies(self):
        for kind, exists in (('die', False), ('die_after', True)):
            simulator = self.own_simulator(rest=True)
            rest = client.Rest(simulator.rest)
            self.addCleanup(rest.close)
            rest.sign_in()
            simulator.control.add_fault(kind=kind, op='createVolume')
            self.assertRaises((http.client.RemoteDisconnected,
                               ConnectionResetError), rest.ask, 'POST',
                              _CREATE, _CONTENT)
            where = simulator.rest
            simulator.kill()
            simulator.start()
            self.assertEqual(where, simulator.rest)
            # Tokens end with the process.
            self.assertEqual(10000003, rest('GET', 'storagePool')['result'])
            rest.sign_in()
            found = rest('GET', 'volume/queryByName?volName=v')
            self.assertEqual(0 if exists else 2, found['result'])

    @ddt.data({'kind': 'http_status'}, {'kind': 'http_status', 'code': 200},
              {'kind': 'drip'}, {'kind': 'drip', 'seconds': -1},
              {'kind': 'hang', 'op': 'queryMigrations'})
    def test_described_wrongly(self, fault):
        self.assertRaises(control.ControlError,
                          self.control.add_fault, **fault)
