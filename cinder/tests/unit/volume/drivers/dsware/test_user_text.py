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

"""Text from users never becomes an option, a line or a command.

Names, descriptions, metadata, extra specs, QoS specs, connectors and names
of what is to be managed are any text. What the driver asks for because of
them is looked at in both forms that a request has: the lines of the socket
protocol, and the command line that root runs.
"""

import shlex
from unittest import mock

import hypothesis
from hypothesis import strategies

from cinder import exception
from cinder.privsep import dsware as privileged
from cinder.tests.unit.privsep.dsware import test_abuse
from cinder.tests.unit.volume.drivers.dsware import base
from cinder.tests.unit.volume.drivers.dsware import fakes
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume import volume_types
from os_brick_dsware import fsc_cli

HOSTILE = strategies.sampled_from((
    # Not those that are too long for any request.
    *(text for text in test_abuse.OTHERS if len(text) < 300),
    'a\nop=deleteVolume', 'a\r\nseq=1',
    'a --op deleteVolume', '--volName=x', 'x;reboot', '%0Aop=login',
    'volume-1,volume-2', "' || reboot '", '\x85', '\u2028'))
TEXTS = HOSTILE | strategies.text(max_size=12)
PAIRS = strategies.dictionaries(
    TEXTS | strategies.sampled_from((
        'dsware:clone', 'provisioning:type', 'dsware:x')),
    TEXTS | strategies.sampled_from(('full', 'linked', 'thin', 'thick')),
    max_size=3)
# Each example of a driver's calls takes some ten milliseconds.
FEW = hypothesis.settings(fakes.HYPOTHESIS, max_examples=30)
QOS = strategies.dictionaries(
    TEXTS | strategies.sampled_from((
        'maxIOPS', 'total_iops_sec', 'IOPSPerGB', 'burstIOPS')),
    TEXTS | strategies.integers(-1, 10 ** 6).map(str), max_size=3)


class Judge:
    """Tells whether a request is harmless in both transports."""

    def __init__(self, test):
        self._test = test

    def check_lines(self, request):
        """On the socket there is one line for each argument.

        :param request: the request
        """
        data = protocol.encode_request(7, request.op, '192.0.2.9',
                                       request.args)
        read = protocol._decode_pairs(data[4:].decode(), '\n',
                                      protocol._HEADERS)
        self._test.assertEqual(
            {'seq': '7', 'op': request.op, 'manage_ip': '192.0.2.9',
             **{key: str(value) for key, value in request.args.items()}},
            read)
        # However a peer may split lines.
        self._test.assertEqual(
            3 + len(request.args),
            len(data[4:].replace(b'\r', b'\n').split(b'\n')))

    def is_passed(self, request, endpoint=fakes.ENDPOINTS[0]):
        """Tell whether a request gets through the command line's checks.

        What does has each argument as one word in its place.

        :param request: the request
        :param endpoint: the agent that it is for
        """
        asked = (request.op, '192.0.2.9', endpoint.host, endpoint.port,
                 dict(request.args))
        try:
            argv = privileged.command(*asked)
        except fsc_cli.ArgumentError:
            self._test.assertFalse(test_abuse.is_legal(*asked))
            return False
        self._test.assertTrue(test_abuse.is_legal(*asked))
        words = argv[argv.index('--op'):]
        self._test.assertEqual(
            {'op': request.op, **{key: str(value) for key, value
                                  in request.args.items()}},
            {key.removeprefix('--'): value
             for key, value in zip(words[::2], words[1::2])})
        for value in map(str, request.args.values()):
            self._test.assertFalse(value.startswith('-'), value)
            # A shell would take it as it is.
            self._test.assertEqual(value, shlex.quote(value))
        return True


class DriverTestCase(base.DriverTestCase):
    """What the driver asks for when users give it any text."""

    def setUp(self):
        super().setUp()
        self.judge = Judge(self)
        self.driver = self.make_started_driver(
            dsware_host_networks=['192.0.2.0/24'])
        self.qos = {}
        self.patch(f'{volume_types.__name__}.get_volume_type_qos_specs',
                   lambda *args: {'qos_specs': self.qos})

    def call(self, function, *args):
        """Call the driver; it may refuse what it was given.

        :returns: whether it did it
        """
        try:
            function(*args)
        except exception.CinderException:
            return False
        return True

    def check_requests(self):
        for request, endpoint in self.cluster.requests:
            self.assertTrue(self.judge.is_passed(request, endpoint),
                            (request.args, endpoint))
            self.judge.check_lines(request)
        self.cluster.requests.clear()

    @hypothesis.given(texts=strategies.tuples(*[TEXTS] * 2), specs=PAIRS,
                      qos=QOS, metadata=PAIRS)
    @FEW
    def test_volumes_and_snapshots(self, texts, specs, qos, metadata):
        self.qos = {'id': texts[0], 'name': texts[1], 'specs': qos,
                    'consumer': 'back-end'}
        volume = self.make_volume(specs=specs)
        volume.volume_type_id = volume.volume_type.id
        volume.metadata = metadata
        volume.display_name, volume.display_description = texts
        if not self.call(self.driver.create_volume, volume):
            self.stored(volume)
        snapshot = self.make_snapshot(volume)
        snapshot.display_name, snapshot.display_description = texts
        self.call(self.driver.create_snapshot, snapshot)
        self.call(self.driver.extend_volume, volume, 2)
        self.call(self.driver.delete_snapshot, snapshot)
        self.call(self.driver.delete_volume, volume)
        self.assertIn('deleteVolume', self.cluster.ops())
        self.check_requests()

    @hypothesis.given(name=TEXTS, key=TEXTS | strategies.just('source-name'))
    @FEW
    def test_what_is_to_be_managed(self, name, key):
        volume = self.make_volume()
        for ref in ({key: name}, {'source-name': name}):
            self.call(self.driver.manage_existing_get_size, volume, ref)
            self.call(self.driver.manage_existing, volume, ref)
        self.check_requests()

    @hypothesis.given(host=TEXTS, address=TEXTS, port=TEXTS)
    @FEW
    @hypothesis.example(host='a', address='\0', port='1')
    def test_connectors(self, host, address, port):
        volume = self.make_volume()
        self.stored(volume)
        for found in ({'host': host, 'ip': address},
                      {'host': host, 'dsware_agent_ip': address},
                      {'host': 'a', 'ip': '192.0.2.7',
                       'dsware_agent_port': port}):
            self.call(self.driver.initialize_connection, volume, found)
            self.call(self.driver.terminate_connection, volume, found)
            # Cinder detaches by force with what it has recorded.
            with mock.patch.object(type(volume), 'volume_attachment',
                                   self.attachments(found)):
                self.call(self.driver.terminate_connection, volume, None)
        self.check_requests()
