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

"""Versions, tokens and refusals, with a manager in a few lines."""

from concurrent import futures
import threading

import ddt
import fixtures
import testtools
import urllib3

from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware.client import rest_session
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting
from tools import secret_marks

BASE = '/dsware/service/'
TOKEN = secret_marks.secret('token')
PASSWORD = secret_marks.secret('sent')
OFFLINE = {'result': 10000003}


def answer(content, status=200, headers=(), is_page=False):
    return rest_http.Answer(status, urllib3.HTTPHeaderDict(headers), content,
                            is_page)


class Manager:
    """Stands for the connections to a manager.

    :ivar asked: (method, path, headers, body) of each request
    :ivar answers: what it answers, or raises, in place of the usual, by the
        end of the path; a list is for one request after another
    """

    def __init__(self):
        self.asked = []
        self.answers = {}
        self.tokens = set()
        self.signed_in = 0
        self._lock = threading.Lock()

    def send(self, method, path, headers, body, limit):
        with self._lock:
            self.asked.append((method, path, headers, body))
            for end, found in self.answers.items():
                if path.endswith(end):
                    if isinstance(found, list):
                        if not found:
                            continue
                        found = found.pop(0)
                    if isinstance(found, BaseException):
                        raise found
                    return found
            return self._usual(path, headers)

    def _usual(self, path, headers):
        if path == BASE + 'rest/version':
            return answer({'result': 0, 'currentVersion': 'v1.2'})
        if path.endswith('/sec/login'):
            self.signed_in += 1
            token = f'{TOKEN}{self.signed_in}'
            self.tokens.add(token)
            return answer({'result': 0}, headers={'X-Auth-Token': token})
        if headers.get('x-auth-token') not in self.tokens:
            return answer(OFFLINE)
        return answer({'result': 0, 'data': 1})

    def paths(self):
        return [path for _method, path, *_rest in self.asked]


class SessionTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.clock = fakes.Clock().install(self)
        self.log = self.useFixture(fixtures.FakeLogger(level=0))
        self.manager = Manager()
        self.sign_in = login.SignIn(login.Credentials('admin', PASSWORD))
        self.session = self.make_session(self.sign_in)

    def make_session(self, sign_in):
        return rest_session.Session(
            endpoints.Endpoint('192.0.2.1', 28443), self.manager, sign_in)

    def call(self, path='volume/qos'):
        return self.session.call('GET', path, None, waiting.Deadline(60))

    def fails(self, error, **answers):
        """Call what must raise exactly this class, and tells no secret."""
        self.manager.answers.update(
            {name.replace('__', '/'): found
             for name, found in answers.items()})
        raised = self.assertRaises(error, self.call)
        self.assertIs(error, type(raised))
        for text in (self.log.output, str(raised), repr(raised)):
            self.assertNotIn(secret_marks.MARK, text)
        return raised


@ddt.ddt
class VersionTestCase(SessionTestCase):

    def asked_with(self, told):
        self.manager.answers['rest/version'] = answer(
            {'result': 0, **({} if told is None
                             else {'currentVersion': told})})
        self.call()
        return self.manager.paths()[-1]

    @ddt.data('v1.3', '1.2', 'v8.1.5', 'v1', 'v123.1.2.3')
    def test_one_that_is_told(self, version):
        self.assertEqual(f'{BASE}{version}/volume/qos',
                         self.asked_with(version))

    @ddt.data(None, '', 'latest', 1.3, ['v1.3'], {'v': 1}, 'v1.3/../../x',
              'v1.3?a=', 'v1.3\r\nX: y', 'v1.3\n', '../v1', 'v1.2.3.4.5',
              'v' + '1' * 10000, 'v\u0661.\u0663', '//192.0.2.9/v1')
    def test_one_that_cannot_be_one(self, version):
        self.assertEqual(BASE + 'v1.3/volume/qos', self.asked_with(version))

    @ddt.data(answer(None, 404, is_page=True), answer(None, is_page=True),
              answer(None, 503), answer({'result': 1}), answer([]),
              rest_http.Lost('cut'))
    def test_a_manager_that_starts(self, found):
        """Nothing of it is taken for an answer to what is asked."""
        self.fails(rest_http.NotSent, rest__version=found)
        self.assertEqual(1, len(self.manager.asked))

    def test_paths_at_the_root(self):
        self.call('/api/v2/x')
        self.assertEqual('/api/v2/x', self.manager.paths()[-1])

    def test_without_signing_in(self):
        self.session = self.make_session(None)
        error = self.fails(rest_session.Refused)
        self.assertEqual(10000003, error.code)
        self.assertEqual(2, len(self.manager.asked))


@ddt.ddt
class SignInTestCase(SessionTestCase):

    def test_once(self):
        for _again in range(3):
            self.assertEqual({'result': 0, 'data': 1}, self.call())
        self.assertEqual(1, self.manager.signed_in)
        method, path, headers, body = self.manager.asked[1]
        self.assertEqual(
            ('POST', BASE + 'v1.2/sec/login',
             {'userName': 'admin', 'password': PASSWORD}),
            (method, path, body))
        self.assertEqual('https://192.0.2.1:28443/dsware/service/',
                         headers['Referer'])
        self.assertNotIn(secret_marks.MARK, self.log.output)

    @ddt.data(answer(OFFLINE), answer({'result': 2, 'errorCode': 1077949069}),
              answer({'result': {'code': '1077949069'}}),
              answer({'result': 2, 'errorCode': '10000003'}),
              answer({'error': {'code': 1077949069}}),
              answer(None, 401, is_page=True),
              answer({'error': 'Unauthorized', 'status': 401}, 401),
              answer({'error': {'code': 401}}, 401))
    def test_again_when_it_has_ended(self, told):
        self.call()
        self.manager.answers['volume/qos'] = [told]
        self.assertEqual({'result': 0, 'data': 1}, self.call())
        self.assertEqual(2, self.manager.signed_in)
        # It may be another version by now.
        self.assertEqual(2, self.manager.paths().count(BASE + 'rest/version'))

    def test_once_more_and_no_oftener(self):
        self.manager.answers['volume/qos'] = answer(OFFLINE)
        self.fails(rest_session.Refused)
        self.assertEqual(2, self.manager.signed_in)

    def together(self, calls):
        """Call in many threads at a time; give what came of it."""
        barrier = threading.Barrier(calls)

        def run(_number):
            barrier.wait(30)
            return self.call()

        with futures.ThreadPoolExecutor(calls) as pool:
            return list(pool.map(run, range(calls)))

    def test_many_threads_sign_in_once_and_once_again(self):
        for times in (1, 2):
            self.assertEqual([{'result': 0, 'data': 1}] * 16,
                             self.together(16))
            self.assertEqual(times, self.manager.signed_in)
            self.manager.tokens.clear()

    def test_no_time_to_wait_for_another_one(self):
        self.assertTrue(self.session._lock.acquire())
        self.addCleanup(self.session._lock.release)
        error = self.assertRaises(
            rest_http.NotSent, self.session.call, 'GET', 'x', None,
            waiting.Deadline(0))
        self.assertIn('signing in', str(error))

    @ddt.data({}, {'X-Auth-Token': ''}, {'X-Auth-Token': 'a b'},
              {'X-Auth-Token': TOKEN + '\r\n x: y'},
              {'X-Auth-Token': TOKEN + '\n'},
              {'X-Auth-Token': TOKEN + '\xe4'},
              {'X-Auth-Token': TOKEN * 1000})
    def test_no_token_that_may_be_sent(self, headers):
        error = self.fails(rest_http.NotSent, sec__login=answer(
            {'result': 0}, headers=headers))
        self.assertIn('no token', str(error))
        self.assertEqual(2, len(self.manager.asked))

    @ddt.data(
        ([], None), (['session=a1'], 'session=a1'),
        (['session=a1; Path=/; HttpOnly', 'other=b2; Secure'],
         'session=a1; other=b2'),
        (['a=1; Expires=Wed, 09 Nov 2030 23:12:40 GMT', '=', 'b'], 'a=1'),
        (['a="\r\n x"', 'b="\xe4"', 'c=3'], 'c=3'))
    @ddt.unpack
    def test_cookies(self, told, returned):
        headers = [('X-Auth-Token', TOKEN)]
        headers += [('Set-Cookie', line) for line in told]
        self.manager.tokens.add(TOKEN)
        self.manager.answers['sec/login'] = answer({'result': 0},
                                                   headers=headers)
        self.call()
        self.assertEqual(returned, self.manager.asked[-1][2].get('Cookie'))

    @ddt.data(answer(None, 503), answer(None, 404), answer(None, 429),
              answer({'result': 2, 'errorCode': 1077949006}),
              rest_http.Lost('cut'), answer(None, 302))
    def test_one_that_cannot_sign_in_anybody_now(self, found):
        self.fails(rest_http.NotSent, sec__login=found)
        # The password was not refused.
        self.assertIsNone(self.sign_in.refusal)
        self.manager.answers.clear()
        self.call()

    # The last one is not published: the password may have expired.
    @ddt.data(1077949061, '1077987870', 1073754390, 1077949999)
    def test_a_refused_password_is_paused(self, code):
        refused = answer({'result': 2, 'errorCode': code,
                          'description': 'no'})
        error = self.fails(exceptions.AccessDenied, sec__login=refused)
        self.assertEqual(int(code), error.result)
        for _again in range(5):
            self.fails(exceptions.AccessDenied)
        logins = [path for path in self.manager.paths()
                  if path.endswith('/sec/login')]
        self.assertEqual(1, len(logins))
        self.clock.now += login.FIRST_PAUSE
        self.manager.answers.clear()
        self.call()

    def test_a_manager_that_locks_is_left_alone_longest(self):
        self.fails(exceptions.AccessDenied, sec__login=answer(
            {'result': 2, 'errorCode': 1077949071}))
        self.assertEqual(login.LONGEST_PAUSE, self.sign_in.refusal.left)

    def test_another_manager_does_not_get_a_refused_password(self):
        self.fails(exceptions.AccessDenied, sec__login=answer(None, 401))
        self.session = self.make_session(self.sign_in)
        self.manager.answers.clear()
        self.fails(exceptions.AccessDenied)
        self.assertEqual(0, self.manager.signed_in)


@ddt.ddt
class ReadTestCase(testtools.TestCase):

    @ddt.data(
        ({'result': 1, 'detail': [{'errorCode': 0},
                                  {'errorCode': 50150005,
                                   'description': 'd'}]}, 50150005),
        ({'result': 1, 'detail': [{'errorCode': '50150005',
                                   'description': 'd'}]}, 50150005),
        ({'result': 1, 'detail': {'errorCode': 50150005,
                                  'description': 'd'}}, 50150005),
        ({'result': 2, 'errorCode': 50150005, 'description': 'd'}, 50150005),
        ({'result': '2', 'errorCode': '50150005', 'description': 'd'},
         50150005),
        ({'result': {'code': 50150005, 'description': 'd'}}, 50150005),
        ({'result': {'code': '50150005', 'description': 'd'}}, 50150005),
        ({'error': {'code': 50150005, 'description': 'd'}}, 50150005),
        ({'result': 0, 'error': {'code': '-157210', 'description': 'd'}},
         -157210),
        ({'result': 50150005, 'description': 'd'}, 50150005),
        ({'result': 2, 'errorCode': 123, 'description': 'd'}, 123))
    @ddt.unpack
    def test_places_of_refusals(self, content, code):
        for status in (200, 400) if code == 123 else (200, 400, 500):
            with self.subTest(status=status):
                error = self.assertRaises(
                    rest_session.Refused, rest_session.read,
                    answer(content, status))
                self.assertEqual((code, 'd'), (error.code, error.desc))

    @ddt.data(
        {'result': 1}, {'result': 2}, {'result': None}, {'result': False},
        {'result': 'x'}, {'result': []}, {'result': {}}, {},
        {'result': 1, 'detail': 'x'}, {'result': 1, 'detail': [1, None]},
        {'result': 1, 'detail': [{'errorCode': None}]},
        {'result': 2, 'errorCode': True}, {'result': 2, 'errorCode': '1e3'},
        {'result': 2, 'errorCode': '9' * 30}, {'result': {'code': {}}},
        {'error': {'code': 'x'}, 'result': 0},
        {'result': 2, 'errorCode': 0, 'description': {'a': 1}})
    def test_refusals_without_a_code(self, content):
        error = self.assertRaises(rest_session.Refused, rest_session.read,
                                  answer(content))
        self.assertIsNone(error.code)
        self.assertEqual('', error.desc)

    @ddt.data({'result': 0}, {'result': '0', 'errorCode': 0},
              {'result': {'code': 0}}, {'result': {'code': '0'}},
              {'result': 0, 'error': {'code': 0}},
              {'result': 0, 'error': None, 'detail': []})
    def test_success(self, content):
        self.assertIs(content, rest_session.read(answer(content)))

    @ddt.data(
        (401, 10000003), (403, 1077949058), (404, 50150002),
        (429, 1077949006), (400, None), (405, None), (408, None))
    @ddt.unpack
    def test_http_status(self, status, code):
        for content in (None, [], {'error': 'x', 'status': status},
                        {'error': {'code': status}} if code else {}):
            with self.subTest(content=content):
                error = self.assertRaises(
                    rest_session.Refused, rest_session.read,
                    answer(content, status))
                self.assertEqual(code, error.code)

    @ddt.data(300, 301, 302, 303, 307, 308, 500, 502, 503, 504, 599)
    def test_it_may_have_been_carried_out(self, status):
        for content in (None, {'error': {'code': status}}, {'result': 0}):
            with self.subTest(content=content):
                self.assertRaises(rest_http.Lost, rest_session.read,
                                  answer(content, status))

    @ddt.data(None, [], 'text', 0, True)
    def test_no_object(self, content):
        self.assertRaises(rest_http.Lost, rest_session.read, answer(content))

    def test_a_page_in_place_of_an_answer(self):
        error = self.assertRaises(rest_session.Refused, rest_session.read,
                                  answer(None, is_page=True))
        self.assertEqual(50150002, error.code)


@ddt.ddt
class PageTestCase(SessionTestCase):

    @ddt.data(('GET', 'volume/qos', rest_session.Refused),
              ('POST', '/api/v2/x', rest_session.Refused),
              ('POST', 'volume/create', rest_http.Lost))
    @ddt.unpack
    def test_what_all_releases_have(self, method, path, error):
        """Such a change may have been carried out."""
        self.manager.answers[path] = answer(None, is_page=True)
        self.assertRaises(error, self.session.call, method, path, None,
                          waiting.Deadline(60))
