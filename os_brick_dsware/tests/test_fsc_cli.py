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

"""What reaches the command line, and what is made of its text."""

import os
from unittest import mock

import hypothesis
from hypothesis import strategies
import testtools

from os_brick_dsware import fsc_cli
from tools import secret_marks

VOLUME = ('vol_name=vol1,father_name=,status=0,vol_size=1024,real_size=0,'
          'pool_id=0,create_time=1420070400')


class CommandTestCase(testtools.TestCase):

    def command(self, op='queryVolume', program='fsc_cli',
                manage_ip='10.0.0.1', agent_ip='127.0.0.1', port=None,
                **args):
        return fsc_cli.command(program, op, manage_ip, agent_ip, port, args)

    def test_command(self):
        self.assertEqual(
            ['fsc_cli', '--manage_ip', '10.0.0.1', '--ip', '127.0.0.1',
             '--op', 'createVolume', '--volName', 'vol-1', '--poolId', '0',
             '--volSize', '1024', '--thinFlag', '1'],
            self.command('createVolume', volName='vol-1', poolId=0,
                         volSize=1024, thinFlag='1'))

    def test_port_path_and_addresses(self):
        self.assertEqual(
            ['/opt/dsware/bin/fsc_cli', '--manage_ip', 'fd00::1', '--ip',
             'fe80::2%eth0', '--port', '10519', '--op',
             'getDSwareIdentifier'],
            self.command('getDSwareIdentifier', '/opt/dsware/bin/fsc_cli',
                         'fd00::1', 'fe80::2%eth0', 10519))

    def test_list_of_names(self):
        self.assertIn('a,b', self.command('activeSnapshots',
                                          volNameList='a,b'))

    def test_what_must_not_reach_it(self):
        for value in ('-rf', '--op', '', ' ', 'a b', 'a\n', 'a\0', '\x1b[0m',
                      'a;b', '$(id)', '`id`', 'a|b', 'a\'b', 'a"b', 'a&b',
                      'a>b', 'a*', '\u202e', '\udc80', 'é', 'x' * 65537,
                      None, True, 1.5, ['a'], b'a', -5):
            self.assertRaises(fsc_cli.ArgumentError, self.command,
                              volName=value)
        for name in ('program', 'op', 'manage_ip', 'agent_ip'):
            for value in ('', '-x', 'a b', 'a\n'):
                self.assertRaises(fsc_cli.ArgumentError, self.command,
                                  **{name: value})
        for key in ('-k', 'a b', '', 'a=b'):
            self.assertRaises(fsc_cli.ArgumentError, self.command,
                              **{key: 'v'})
        self.assertRaises(fsc_cli.ArgumentError, self.command, port='x y')

    def test_no_secret_reaches_it(self):
        error = self.assertRaises(
            fsc_cli.ArgumentError, self.command, 'login',
            userName='u', password=secret_marks.secret('cli'))
        self.assertNotIn(secret_marks.MARK, str(error))

    @hypothesis.given(strategies.text())
    def test_a_value_stays_one_harmless_word(self, value):
        try:
            argv = self.command(volName=value)
        except fsc_cli.ArgumentError as exc:
            self.assertTrue(str(exc).isprintable())
            self.assertLess(len(str(exc)), 900)
        else:
            self.assertEqual(value, argv[-1])
            self.assertNotIn(value[0], '-')
            self.assertEqual([value], value.split())


class ParseTestCase(testtools.TestCase):

    def parse(self, op, *lines):
        return fsc_cli.parse(op, '\n'.join(lines))

    def parts(self, op, *lines, count=2):
        return list(fsc_cli.parse_in_parts(
            op, os.fsencode('\n'.join(lines)), count))

    def test_parts_are_the_whole(self):
        """Whatever the number of records is, and wherever they are."""
        for number in range(8):
            volumes = [VOLUME.replace('vol_name=', f'vol_name=n{n}')
                       for n in range(number)]
            for lines in (volumes + ['result=0', 'desc=success'],
                          ['result=0', 'desc=success', ''] + volumes):
                whole = self.parse('queryAllVolume', *lines)
                parts = self.parts('queryAllVolume', *lines)
                self.assertEqual(max((number + 1) // 2, 1), len(parts))
                self.assertEqual(whole.records, sum(
                    (part.records for part in parts), ()))
                self.assertEqual({(whole.result, whole.desc)}, {
                    (part.result, part.desc) for part in parts})

    def test_parts_of_what_has_no_records(self):
        self.assertEqual([self.parse('createVolume', 'result=0')],
                         self.parts('createVolume', 'result=0'))

    def test_no_part_is_given_without_a_result(self):
        for lines in ([VOLUME], [VOLUME, 'result=0', 'result=1']):
            self.assertRaises(fsc_cli.OutputError, self.parts,
                              'queryAllVolume', *lines)

    def test_parts_before_a_malformed_record(self):
        parts = fsc_cli.parse_in_parts(
            'queryAllVolume',
            os.fsencode('\n'.join(['result=0', VOLUME, VOLUME,
                                   'vol_name=x,y'])), 1)
        next(parts)
        next(parts)
        self.assertRaises(fsc_cli.OutputError, next, parts)

    def test_parts_of_too_much(self):
        with mock.patch.object(fsc_cli, 'MAX_OUTPUT', 10):
            self.assertRaises(fsc_cli.OutputError, self.parts,
                              'queryAllVolume', VOLUME)

    def assertBroken(self, op, *lines):
        error = self.assertRaises(fsc_cli.OutputError, self.parse, op, *lines)
        self.assertTrue(str(error).isprintable(), ascii(str(error)))
        self.assertLess(len(str(error)), 900)
        return str(error)

    def test_result_and_desc(self):
        for text, result, desc in (
                ('result=0', 0, ''),
                ('result=0\r\ndesc=success\r\n', 0, 'success'),
                ('  result=0  ', 0, ''),
                ('noise\nresult=50150005\nmore=noise', 50150005, ''),
                ('result=50150005,desc=no such volume', 50150005,
                 'no such volume'),
                ('result=50150005 , no such volume', 50150005,
                 'no such volume'),
                ('desc=first\nresult=-157210', -157210, 'first'),
                ('result=0\nresult=0', 0, '')):
            said = self.parse('createVolume', text)
            self.assertEqual((result, desc, ()),
                             (said.result, said.desc, said.records))

    def test_byte_order_mark(self):
        text = '\ufeffresult=0\ndesc=success\n' + VOLUME
        said = self.parse('queryVolume', text)
        self.assertEqual((0, 'success', 1), (said.result, said.desc,
                                             len(said.records)))
        self.assertEqual([said], self.parts('queryVolume', text))

    def test_blanks_around_the_equals_sign(self):
        lines = ('result = 0', 'desc\t= all is well',
                 VOLUME.replace('=', ' = '))
        said = self.parse('queryVolume', *lines)
        self.assertEqual(self.parse('queryVolume', 'result=0',
                                    'desc=all is well', VOLUME), said)
        self.assertEqual([said], self.parts('queryVolume', *lines))
        self.assertBroken('queryVolume', 'result = 0', 'result =1')
        self.assertEqual('= 1', self.parse('createVolume', 'result=2',
                                           'desc = = 1').desc)

    def test_no_or_contradicting_results(self):
        for text in ('', ' \n', 'Segmentation fault', 'result:0',
                     'my result=0', 'xresult=0', 'result=', 'result=abc',
                     'result=0x10', 'result=1.5', 'result=0 1',
                     'result=0\nresult=1', 'result=٣',
                     'result=99999999999999999999'):
            self.assertBroken('createVolume', text)

    def test_results_are_compared_as_numbers(self):
        self.assertEqual(50150005, self.parse(
            'deleteVolume', 'result=050150005').result)
        self.assertEqual(5015000, self.parse(
            'deleteVolume', 'result=5015000').result)

    def test_desc_is_bounded_and_harmless(self):
        said = self.parse('createVolume', 'result=1',
                          'desc=\x1b[31m' + 'x' * 5000)
        self.assertTrue(said.desc.isprintable())
        self.assertLess(len(said.desc), 1100)
        self.assertEqual('卷不存在', self.parse(
            'createVolume', 'result=1', 'desc=卷不存在').desc)

    def test_volume(self):
        said = self.parse('queryVolume', 'result=0', 'desc=success', VOLUME)
        self.assertEqual(({
            'vol_name': 'vol1', 'father_name': '', 'status': '0',
            'vol_size': '1024', 'real_size': '0', 'pool_id': '0',
            'create_time': '1420070400'},), said.records)

    def test_records_of_each_operation(self):
        volume, snapshot, pool = (
            'vol_name=v,status=0', 'snap_name=s,status=0', 'pool_id=1,x=2')
        for ops, first in (
                (('queryVolume', 'queryAllVolume'), 'vol_name'),
                (('querySnapshot', 'queryAllSnapshot', 'querySnapOfVolume'),
                 'snap_name'),
                (('queryPoolInfo', 'queryAllPoolInfo'), 'pool_id'),
                (('createVolume', 'deleteVolume'), None)):
            for op in ops:
                said = self.parse(op, volume, 'result=0', pool, snapshot)
                self.assertEqual([first] if first else [], [
                    next(iter(record)) for record in said.records])

    def test_version(self):
        said = self.parse('getDSwareIdentifier', 'result=0', 'version=V1R3')
        self.assertEqual(({'version': 'V1R3'},), said.records)

    def test_appended_fields_and_other_lines(self):
        said = self.parse('queryVolume', 'Welcome', VOLUME + ',wwn=688,new=',
                          'result=0', 'vol_names=2')
        self.assertEqual('688', said.records[0]['wwn'])
        self.assertEqual('', said.records[0]['new'])
        self.assertEqual(1, len(said.records))

    def test_value_with_equals_sign(self):
        said = self.parse('queryVolume', 'vol_name=v,x=a=b,', 'result=0')
        self.assertEqual({'vol_name': 'v', 'x': 'a=b'}, said.records[0])

    def test_malformed_records(self):
        for line in ('vol_name=v,status', 'vol_name=v,=1', 'vol_name=v,a b=1',
                     'vol_name=v,status=0,status=1', 'vol_name=v,x=a\tb',
                     'vol_name=v,x=\x00y', 'vol_name=v,' + 'k' * 65 + '=1'):
            self.assertBroken('queryVolume', line, 'result=0')

    def test_qos(self):
        said = self.parse('queryVolumeQoSInfo', 'result=0', 'Time: 12:00',
                          'qosName: gold', 'maxIOPS:100', 'maxMBPS:0')
        self.assertEqual(({'qosName': 'gold', 'maxIOPS': '100',
                           'maxMBPS': '0'},), said.records)
        self.assertEqual(({'qosName': ''},), self.parse(
            'queryVolumeQoSInfo', 'qosName:', 'result=0').records)
        self.assertEqual((), self.parse(
            'queryVolumeQoSInfo', 'result=-157210').records)
        self.assertBroken('queryVolumeQoSInfo', 'result=0', 'maxIOPS:1',
                          'maxIOPS:2')

    def test_attach(self):
        for line in ('DSwareAttachResult [result=0, devName=/dev/sdb]',
                     'DSwareAttachResult [devName=/dev/sdb, result=0]',
                     'DSwareAttachResult [result=0, devName=/dev/sdb,x=1]',
                     'DSwareAttachResult [result=0, devName=/dev/sdb x]',
                     'DSwareAttachResult [result = 0, devName = /dev/sdb]',
                     'devName=/dev/sdb'):
            said = self.parse('attachVolume', line, 'result=0')
            self.assertEqual(({'devName': '/dev/sdb'},), said.records)
            self.assertEqual('/dev/sdb', said.device)

    def test_attach_without_a_device(self):
        for line in ('DSwareAttachResult [result=0, devName=null]',
                     'DSwareAttachResult [result=0, devName=]', ''):
            said = self.parse('attachVolume', line, 'result=0')
            self.assertEqual(((), ''), (said.records, said.device))

    def test_attach_that_makes_no_sense(self):
        for line in ('DSwareAttachResult [result=1, devName=/dev/sdb]',
                     'DSwareAttachResult [result = 1, devName = /dev/sdb]',
                     'DSwareAttachResult [result=x, devName=/dev/sdb]',
                     'devName=sdb', 'devName=/dev/../etc/shadow',
                     'devName=/dev/./sdb', 'devName=//sdb',
                     'devName=/dev/s\x07', 'devName=/dev/s;id',
                     'devName=/dev/sdb\ndevName=/dev/sdc'):
            self.assertBroken('attachVolume', line, 'result=0')

    def test_bounds(self):
        self.assertBroken('queryVolume', 'result=0', 'x' * 70000)
        self.assertRaises(fsc_cli.OutputError, fsc_cli.parse, 'queryVolume',
                          'result=0\n' + '\n' * fsc_cli.MAX_OUTPUT)

    def test_the_fields_of_a_record(self):
        most = VOLUME + ''.join(
            ',k%d=' % n for n in range(fsc_cli.MAX_FIELDS - 7))
        said = self.parse('queryVolume', 'result=0', most)
        self.assertEqual(fsc_cli.MAX_FIELDS, len(said.records[0]))
        self.assertBroken('queryVolume', 'result=0', most + ',k=')

    def test_what_may_be_printed(self):
        self.assertEqual(
            [2 ** 26, 2 ** 22, 2 ** 20, 2 ** 20],
            [fsc_cli.bound(op) for op in (
                'queryAllVolume', 'querySnapOfVolume', 'queryVolume',
                'createVolume')])

    def test_long_listing(self):
        said = self.parse('queryAllVolume', 'result=0', *(
            VOLUME.replace('vol1', 'vol%d' % number)
            for number in range(20000)))
        self.assertEqual(20000, len(said.records))
        self.assertEqual('vol19999', said.records[-1]['vol_name'])


WORDS = strategies.sampled_from((
    'result=', 'result=0', '0', '-1', '\n', '\r', ',', '=', ':', ' ', '[',
    ']', 'desc=', 'vol_name=', 'v', 'snap_name=s', 'pool_id=0', 'version=1',
    'devName=', '/dev/sdb', 'maxIOPS:', 'qosName:g', 'DSwareAttachResult ['))
OPS = strategies.sampled_from((
    'queryVolume', 'querySnapshot', 'queryPoolInfo', 'attachVolume',
    'queryVolumeQoSInfo', 'getDSwareIdentifier', 'createVolume', ''))


class FuzzTestCase(testtools.TestCase):

    @hypothesis.settings(max_examples=500, deadline=None)
    @hypothesis.given(OPS, strategies.lists(
        WORDS | strategies.text(max_size=8), max_size=30).map(''.join))
    def test_only_output_errors_come_out(self, op, text):
        try:
            said = fsc_cli.parse(op, text)
        except fsc_cli.OutputError as exc:
            self.assertTrue(str(exc).isprintable())
            self.assertLess(len(str(exc)), 900)
            return
        self.assertIsInstance(said.result, int)
        self.assertTrue(said.desc.isprintable())
        for record in said.records:
            self.assertTrue(record)
            for key, value in record.items():
                self.assertIs(str, type(value))
                self.assertNotIn('\n', key + value)

    @hypothesis.given(strategies.integers(-2 ** 31, 2 ** 40),
                      strategies.dictionaries(
        strategies.from_regex('[a-z][a-z_]{0,9}', fullmatch=True),
        strategies.text('abc=.- /', max_size=9).map(str.strip)))
    def test_what_is_printed_is_understood(self, code, fields):
        fields = {'vol_name': 'v', **fields}
        text = 'x\nresult=%d\n%s\n' % (code, ','.join(
            '%s=%s' % field for field in fields.items()))
        self.assertEqual(fsc_cli.Output(code, '', (fields,)),
                         fsc_cli.parse('queryVolume', text))
