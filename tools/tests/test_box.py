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

import argparse
import io
import json
import pathlib
import re
import types

import fixtures
import subunit
import testtools

from functional.box import arguments
from functional.box import guest
from functional.box import masking
from functional.box import neutron
from functional.box import results
from functional.box import tempest
from tools import secret_marks

SECRET = secret_marks.secret('box')


class DirectoryTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(
            fixtures.TempDir()).path)

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class ArgumentsTestCase(DirectoryTestCase):

    def parse(self, *given):
        return arguments.parse(['--output', str(self.directory), *given])

    def test_default(self):
        args = self.parse()
        self.assertEqual('socket', args.backend)
        self.assertEqual(tempest.SUITE, args.regex)
        self.assertTrue(args.scenarios)
        self.assertFalse(args.keep)

    def test_choice_of_tests(self):
        self.assertEqual(tempest.SMOKE, self.parse('--smoke').regex)
        self.assertEqual('clone', self.parse('--regex', 'clone').regex)
        self.assertEqual('', self.parse('--keep').regex)
        self.assertEqual(tempest.SMOKE,
                         self.parse('--keep', '--smoke').regex)
        self.assertEqual('', self.parse('--scenarios').regex)
        self.assertEqual([False, False, False, True], [
            self.parse(*given).scenarios for given in (
                ['--smoke'], ['--regex', 'clone'], ['--keep'],
                ['--scenarios'])])

    def refused(self, *given):
        error = self.useFixture(fixtures.StringStream('stderr')).stream
        self.useFixture(fixtures.MonkeyPatch('sys.stderr', error))
        self.assertRaises(SystemExit, self.parse, *given)

    def test_refused(self):
        self.refused('--smoke', '--regex', 'clone')
        self.refused('--smoke', '--scenarios')
        self.refused('--backend', 'iscsi')

    def test_files_of_others_are_not_results(self):
        self.write('thesis.txt', '')
        self.refused()
        self.write(arguments.RESULTS, '')
        self.assertEqual(self.directory.resolve(), self.parse().output)

    def test_file_is_no_directory(self):
        path = self.write('file', '')
        self.assertRaises(argparse.ArgumentTypeError, arguments._results,
                          str(path))


class ExcludedTestCase(testtools.TestCase):

    def test_each_has_a_reason(self):
        for pattern, reason in tempest.excluded(
                tempest.EXCLUDED.read_text()):
            re.compile(pattern)
            self.assertThat(len(reason), testtools.matchers.GreaterThan(10),
                            pattern)

    def test_read(self):
        self.assertEqual(
            [(r'^tempest\.a', 'no network'), ('b', '')],
            tempest.excluded('# words\n\n^tempest\\.a  # no network\nb\n'))

    def test_stale(self):
        pairs = [(r'^tempest\.a\.', ''), (r'\.c$', '')]
        self.assertEqual([r'\.c$'], tempest.stale(pairs, ['tempest.a.b']))
        self.assertEqual([], tempest.stale(pairs, ['tempest.a.c']))


class ConfigurationTestCase(testtools.TestCase):

    plane = types.SimpleNamespace(
        backends=['rest-1', 'rest-2'], images=['i1', 'i2'],
        flavors=['f1', 'f2'], volume_types=('plain', 'several'),
        capabilities={'vendor_name': 'Huawei', 'storage_protocol': 'dsware'},
        keystone=types.SimpleNamespace(url='http://127.0.0.1:5000/v3',
                                       password=SECRET))

    def setUp(self):
        super().setUp()
        self.sections = tempest.configuration(self.plane,
                                              pathlib.Path('/there'))

    def test_what_there_is(self):
        self.assertEqual(SECRET, self.sections['auth']['admin_password'])
        self.assertEqual(self.plane.keystone.url,
                         self.sections['identity']['uri_v3'])
        volume = self.sections['volume']
        self.assertEqual(['rest-1', 'rest-2'], volume['backend_names'])
        self.assertEqual('several', volume['volume_type_multiattach'])
        self.assertEqual('Huawei', volume['vendor_name'])
        self.assertEqual('i2', self.sections['compute']['image_ref_alt'])

    def test_what_the_driver_can_do_is_on(self):
        features = self.sections['volume-feature-enabled']
        self.assertEqual({True}, set(features.values()))
        for name in ('multi_backend', 'backup', 'manage_volume',
                     'manage_snapshot', 'extend_attached_volume',
                     'consistency_group', 'volume_revert'):
            self.assertIn(name, features)
        self.assertTrue(self.sections['compute-feature-enabled'][
            'volume_multiattach'])


class OutputTestCase(testtools.TestCase):

    def test_outcomes(self):
        printed = ('{1} a.B.test_c [1.250000s] ... ok\n'
                   '{0} setUpClass (a.D) ... SKIPPED: {2} of no use\n'
                   '    {3} x ... ok\n'
                   '{0} a.D.test_e [0.1s] ... FAILED\n'
                   '{0} a.D.test_f [0.1s] ... o')
        self.assertEqual(
            [('a.B.test_c', 'ok'), ('setUpClass (a.D)', 'SKIPPED'),
             ('a.D.test_e', 'FAILED')],
            tempest.outcomes(printed))


class ResultsTestCase(testtools.TestCase):

    def stream(self, *outcomes):
        """A stream of tests a, b, ... with these outcomes."""
        stream = io.BytesIO()
        result = subunit.StreamResultToBytes(stream)
        for name, (outcome, details) in zip('abc', outcomes):
            result.status(test_id='m.T.test_%s[id-1,smoke]' % name,
                          test_status='inprogress')
            if details:
                result.status(
                    test_id='m.T.test_%s[id-1,smoke]' % name,
                    file_name='traceback', mime_type='text/plain',
                    file_bytes=details.encode(), eof=True)
            if outcome:
                result.status(test_id='m.T.test_%s[id-1,smoke]' % name,
                              test_status=outcome)
        return results.read(stream.getvalue())

    def test_read(self):
        tests = self.stream(('success', ''), ('fail', '<why>'),
                            ('skip', ''))
        self.assertEqual(
            [('m.T.test_a', 'passed'), ('m.T.test_b', 'failed'),
             ('m.T.test_c', 'skipped')],
            [(test.name, test.outcome) for test in tests])
        self.assertEqual('<why>', tests[1].details)
        self.assertEqual('1 passed, 1 failed, 1 skipped',
                         results.summary(tests))
        self.assertEqual('FAILURE', results.verdict(tests))

    def test_one_that_never_ends_has_failed(self):
        tests = self.stream(('success', ''), ('', ''))
        self.assertEqual('FAILURE', results.verdict(tests))

    def test_nothing_was_shown(self):
        self.assertEqual('FAILURE', results.verdict([]))
        self.assertEqual('FAILURE', results.verdict(
            self.stream(('skip', ''))))

    def test_duration(self):
        self.assertEqual('02m 05s', results.duration(124.6))
        self.assertEqual('1h 12m 03s', results.duration(4323))

    def test_comment(self):
        tests = self.stream(('success', ''), ('skip', ''))
        *head, line = results.comment('dsware-rest', '/there', tests, 4323)
        self.assertEqual(['Build succeeded (check pipeline).', ''], head)
        self.assertEqual(
            '- dsware-rest /there : SUCCESS in 1h 12m 03s '
            '(1 passed, 0 failed, 1 skipped)', line)

    def test_page(self):
        page = results.page('dsware-rest', self.stream(
            ('success', ''), ('fail', '<why>')))
        self.assertIn('&lt;why&gt;', page)
        self.assertLess(page.index('m.T.test_b'), page.index('m.T.test_a'))


class MaskingTestCase(DirectoryTestCase):

    def test_mask(self):
        for expected, text in (
                ('in *** here', 'in %s here' % SECRET),
                ('url = rabbit://***:***@127.0.0.1:1/',
                 'url = rabbit://guest:guest@127.0.0.1:1/'),
                ('san_password = ***', 'san_password = x y'),
                ('fixed_key = ***', 'fixed_key = 5a5a'),
                ('GET http://127.0.0.1:1/v3 and a@b',
                 'GET http://127.0.0.1:1/v3 and a@b')):
            self.assertEqual(expected, masking.mask(text))

    def test_publish(self):
        source = self.write('cinder.conf', 'a = 1\nsan_password = %s\n'
                            % SECRET)
        target = self.directory / 'results' / 'etc' / 'cinder.conf'
        masking.publish(source, target)
        self.assertEqual('a = 1\nsan_password = ***\n', target.read_text())
        masking.check(target.parent)

    def test_secret_that_was_overlooked(self):
        harmless = self.write('results/a.log', 'nothing')
        revealing = self.write('results/b.conf', SECRET.encode().hex())
        error = self.assertRaises(masking.Revealed, masking.check,
                                  self.directory / 'results')
        self.assertIn('b.conf', str(error))
        self.assertTrue(harmless.exists())
        self.assertFalse(revealing.exists())


class GuestTestCase(testtools.TestCase):

    def test_image(self):
        image = guest.image()
        self.assertEqual(guest.SIZE, len(image))
        self.assertEqual(b'\x55\xaa', image[510:512])
        # What the code reads is where the message is.
        start = int.from_bytes(image[5:7], 'little') - 0x7c00
        self.assertTrue(image[start:].startswith(guest.MESSAGE + b'\0'))


class NeutronTestCase(testtools.TestCase):

    def ask(self, method, path):
        said = []
        body = b''.join(neutron.application(
            {'REQUEST_METHOD': method, 'PATH_INFO': path,
             'HTTP_HOST': '127.0.0.1:9'},
            lambda status, headers: said.append(status[:3])))
        return said[0], json.loads(body) if body else None

    def test_there_are_no_networks(self):
        self.assertEqual(('200', {'networks': []}),
                         self.ask('GET', '/v2.0/networks'))
        self.assertEqual('404', self.ask('GET', '/v2.0/networks/1')[0])
        self.assertEqual('409', self.ask('POST', '/v2.0/networks')[0])
        self.assertEqual(('204', None), self.ask('DELETE', '/v2.0/ports/1'))

    def test_what_nova_wants(self):
        _status, body = self.ask('GET', '/')
        self.assertEqual('http://127.0.0.1:9/v2.0/',
                         body['versions'][0]['links'][0]['href'])
        _status, body = self.ask('GET', '/v2.0/security-groups')
        self.assertEqual(['default'], [group['name'] for group in
                                       body['security_groups']])
        _status, body = self.ask('GET', '/v2.0/quotas/p')
        self.assertEqual(-1, body['quota']['port'])
