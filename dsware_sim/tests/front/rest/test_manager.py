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
"""Signing in, versions, and where in an answer a refusal stands."""

from dsware_sim.front import control
from dsware_sim import report
from dsware_sim.tests import base
from dsware_sim.tests.front.rest import client

_SERVICE = '/dsware/service/'
_OFFLINE = {'result': 10000003, 'description': 'the session has ended'}


class SignInTestCase(client.RestTestCase):
    """Tokens."""

    def setUp(self):
        super().setUp()
        self.new = self.open()

    def is_in(self, rest):
        answer = rest('GET', 'storagePool')
        if answer['result'] == 0:
            return True
        self.assertEqual(_OFFLINE, answer)
        return False

    def test_refused(self):
        self.assertFalse(self.is_in(self.new))
        for user, password in ((client.USER, 'no'), ('no', client.PASSWORD)):
            self.refused(1077949061, self.new.sign_in(user, password))
        self.assertFalse(self.is_in(self.new))
        self.done(self.new.sign_in())
        self.assertTrue(self.is_in(self.new))
        # The password is nowhere.
        self.assertNotIn(client.PASSWORD, str(self.control.log()))

    def test_by_api(self):
        for key in ('user_name', 'username'):
            content = {key: client.USER, 'password': client.PASSWORD,
                       'scope': '0'}
            found = self.api_done(self.new.api('POST', 'aa/sessions',
                                               content))
            self.assertEqual({'x_auth_token', 'system_esn',
                              'password_status'}, set(found))
            self.new.headers['X-Auth-Token'] = found['x_auth_token']
            self.assertTrue(self.is_in(self.new))
        esn = self.api_done(self.new.api('GET', 'common/esn'))['esn']
        self.assertEqual(found['system_esn'], esn)
        self.api_done(self.new.api('DELETE', 'aa/sessions'))
        self.assertFalse(self.is_in(self.new))
        answer = self.new.api('GET', 'common/esn')
        self.assertEqual(1077949069, answer['result']['code'])
        self.assertEqual(1077949061, self.new.api('POST', 'aa/sessions', {
            'user_name': client.USER, 'password': 'no'})['result']['code'])

    def test_locked(self):
        self.control.set_rest(lock_after=2)
        self.refused(1077949061, self.new.sign_in(password='no'))
        self.refused(1077949071, self.new.sign_in(password='no'))
        # Even with the right one, which must not be tried in a loop.
        self.refused(1077949071, self.new.sign_in())
        self.assertTrue(self.is_in(self.rest))
        self.control.unlock_addresses()
        self.done(self.new.sign_in())
        self.control.set_rest(lock_seconds=0)
        for _ in range(4):
            self.new.sign_in(password='no')
        self.done(self.new.sign_in())

    def test_end(self):
        for path in ('sec/logout', 'iam/logout'):
            self.done(self.rest('POST', path))
            self.assertFalse(self.is_in(self.rest))
            self.done(self.rest.sign_in())

    def test_expiry(self):
        self.done(self.rest('POST', 'sec/keepAlive'))
        self.done(self.rest.ask('POST', _SERVICE + 'v2/sec/keepAlive').json)
        self.control.set_rest(token_seconds=0)
        # That of a token that is there already stays.
        self.assertTrue(self.is_in(self.rest))
        self.done(self.rest('POST', 'sec/keepAlive'))
        self.assertFalse(self.is_in(self.rest))
        self.assertEqual(_OFFLINE, self.rest('POST', 'sec/keepAlive'))
        self.control.set_rest(token_seconds=60)
        self.done(self.rest.sign_in())
        self.control.expire_tokens()
        self.assertFalse(self.is_in(self.rest))
        self.assertEqual(0, self.control.status()['rest']['sessions'])

    def test_ways_to_tell_the_end(self):
        self.control.expire_tokens()
        self.control.set_rest(offline='errorCode')
        self.refused(1077949069, self.rest('GET', 'storagePool'))
        self.control.set_rest(offline='status')
        answer = self.rest.ask('GET', _SERVICE + 'v1.3/storagePool')
        self.assertEqual(401, answer.status)

    def test_new_password(self):
        self.control.set_passwords('another', keep_sessions=True)
        self.addCleanup(self.control.set_passwords, client.PASSWORD)
        self.assertTrue(self.is_in(self.rest))
        self.refused(1077949061, self.new.sign_in())
        self.done(self.new.sign_in(password='another'))
        self.control.set_passwords('another', keep_sessions=False)
        self.assertFalse(self.is_in(self.rest))

    def test_cookies(self):
        self.control.set_rest(cookies=True)
        answer = self.new.ask('POST', _SERVICE + 'v1.3/sec/login', {
            'userName': client.USER, 'password': client.PASSWORD})
        self.new.headers['X-Auth-Token'] = answer.headers['X-Auth-Token']
        self.assertFalse(self.is_in(self.new))
        self.new.headers['Cookie'] = 'a=b; bad\x7f'
        self.assertFalse(self.is_in(self.new))
        cookie = answer.headers['Set-Cookie'].partition(';')[0]
        self.new.headers['Cookie'] = 'language=en; ' + cookie
        self.assertTrue(self.is_in(self.new))


class VersionTestCase(client.RestTestCase):
    """Releases and versions."""

    def status(self, method, path, content=None):
        return self.rest.ask(method, path, content).status

    def test_told(self):
        answer = self.open().ask('GET', _SERVICE + 'rest/version')
        self.assertEqual({'result': 0, 'currentVersion': 'v1.3'}, answer.json)
        self.assertEqual('application/json;charset=UTF-8',
                         answer.headers['Content-Type'])
        self.assertEqual({'result': 0, 'version': '8.1.5'},
                         self.rest('GET', 'version'))

    def test_another_text(self):
        self.assertEqual(404, self.status('GET', _SERVICE + 'v9/storagePool'))
        self.control.set_rest(version='v9')
        self.assertEqual('v9', self.rest.ask(
            'GET', _SERVICE + 'rest/version').json['currentVersion'])
        for version in ('v9', 'v1.3', 'v1.2'):
            self.assertEqual(200, self.status(
                'GET', _SERVICE + version + '/storagePool/'))
        self.make()
        self.assertEqual(404, self.status(
            'GET', _SERVICE + 'v1.2/volume/queryById?volId=1'))

    def test_witness_of_the_cluster(self):
        told = self.rest('GET', 'cluster/sn')
        self.assertEqual({'result', 'sn'}, set(told))
        esn = self.api_done(self.rest.api('GET', 'common/esn'))['esn']
        self.assertNotEqual(told['sn'], esn)

    def test_missing(self):
        for method, path in (
                ('GET', '/'), ('GET', '/dsware'), ('GET', _SERVICE),
                ('GET', _SERVICE + 'v1.3/'), ('GET', '/api/v2'),
                ('POST', _SERVICE + 'v1.3/storagePool'),
                ('GET', '/api/v2/storagePool'), ('PUT', '/api/v2/a/b'),
                ('GET', _SERVICE + 'storagePool'), ('HEAD', '/')):
            self.assertEqual(404, self.status(method, path), path)

    def test_old_releases(self):
        full = '/api/v2/block_service/createFullVolumeFromSnap'
        content = {'snap_name_src': 's', 'volume_name_dst': 'v'}
        self.control.set_rest(release='8.1.0')
        answer = self.rest.ask('POST', full, content)
        self.assertEqual((200, 'text/html;charset=UTF-8'), (
            answer.status, answer.headers['Content-Type']))
        self.control.set_rest(missing='status')
        self.assertEqual(404, self.status('POST', full, content))
        self.control.set_rest(release='8.1.2', missing=None)
        self.assertEqual(200, self.status('POST', full, content))
        move = '/api/v2/block_service/lun_migration'
        self.assertEqual(404, self.status('GET', move, {'id': 1}))
        self.control.set_rest(release='6.3')
        self.refused(31000000, self.rest('GET',
                                         'volume/queryByName?volName=v'))
        gone = self.rest('POST', 'volume/delete', {'volNames': ['v']})
        self.assertEqual(32150005, gone['detail'][0]['errorCode'])
        self.assertEqual(404, self.status('GET', '/api/v2/common/esn'))
        self.make()
        self.refused('32150007', self.rest('POST', 'volume/create', {
            'volName': 'v', 'volSize': 64, 'poolId': 0}))
        self.control.reset()
        self.assertEqual(200, self.status('GET', '/api/v2/common/esn'))


class RefusalTestCase(client.RestTestCase):
    """Where a refusal stands, and headers."""

    def setUp(self):
        super().setUp()
        self.query = '%sv1.3/volume/queryByName?volName=x' % _SERVICE

    def test_places(self):
        for place, expected in (
                ('detail', {'result': 1, 'detail': [
                    {'errorCode': 50150005,
                     'description': 'no such volume: x'}]}),
                ('error', {'error': {'code': 50150005,
                                     'description': 'no such volume: x'}})):
            self.control.set_rest(refusals=place)
            self.assertEqual(expected, self.rest.ask('GET', self.query).json)
        api = self.rest.api('GET', 'block_service/volumes?name=x')
        self.assertEqual({'error'}, set(api))
        self.control.set_rest(refusals='detail')
        api = self.rest.api('GET', 'block_service/volumes?name=x')
        self.assertEqual(50150005, api['result']['code'])
        self.control.set_rest(refusals='errorCode')
        self.refused(50150005, self.rest('POST', 'volume/delete',
                                         {'volNames': ['x']}))

    def test_numbers_and_texts(self):
        self.control.set_rest(codes='text')
        self.refused('50150005', self.rest.ask('GET', self.query).json)
        self.control.set_rest(codes='number', refusal_status=400)
        answer = self.rest.ask('POST', _SERVICE + 'v1.3/volume/create', {
            'volName': 'v', 'volSize': 1, 'poolId': 9})
        self.refused(50151010, answer.json)
        self.assertEqual(400, answer.status)

    def test_headers(self):
        self.rest.headers['Content-Type'] = 'text/plain'
        self.assertEqual(200, self.rest.ask('GET', self.query).status)
        self.assertEqual(403, self.rest.ask('GET', self.query, {}).status)
        self.rest.headers['Content-Type'] = 'application/json; charset=utf-8'
        self.assertEqual(200, self.rest.ask('GET', self.query, {}).status)
        referer = self.rest.headers.pop('Referer')
        self.assertEqual(403, self.rest.ask('GET', self.query).status)
        self.control.set_rest(strict=False)
        self.assertEqual(200, self.rest.ask('GET', self.query).status)
        self.rest.headers['Referer'] = referer

    def test_wrong_settings(self):
        for wrong in ({'nothing': 1}, {'change': 1}, {'release': '1'},
                      {'version': '1'}, {'lists': 1}, {'refusal_status': 20},
                      {'token_seconds': -1}, {'lock_after': None}):
            error = self.assertRaises(
                control.ControlError, self.control.set_rest,
                absent='empty', **wrong)
            self.assertIn(next(iter(wrong)), str(error))
        behaviour = self.control.status()['rest']['behaviour']
        self.assertEqual('code', behaviour['absent'])


class ReportTestCase(client.RestTestCase):
    """What an operator sees."""

    def test_status(self):
        shown = report.text(self.control.status())
        self.assertIn('REST: 1\n  ADDRESS', shown)
        self.control.agent_down('rest')
        self.assertIn(' down ', report.text(self.control.status()))
        self.control.agent_up('rest')
        self.assertEqual(0, self.open().sign_in()['result'])


class WithoutTestCase(base.SimulatorTestCase):
    """A simulator without REST, and one without passwords."""

    def test_none(self):
        self.assertIsNone(self.simulator.rest)
        self.assertIsNone(self.control.status()['rest'])
        for change in (self.control.set_rest, self.control.expire_tokens,
                       self.control.unlock_addresses):
            error = self.assertRaises(control.ControlError, change)
            self.assertIn('--rest', str(error))

    def test_any_password(self):
        simulator = self.own_simulator(rest=True)
        rest = client.Rest(simulator.rest)
        self.addCleanup(rest.close)
        self.assertEqual(10000003, rest('GET', 'storagePool')['result'])
        self.assertEqual(0, rest.sign_in('anybody', '')['result'])
        self.assertEqual(0, rest('GET', 'storagePool')['result'])
