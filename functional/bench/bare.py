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

"""The floor: the least that carries a request to the simulator and back.

They check nothing, know one agent or manager, and survive no failure.
"""

import socket
import struct

import requests

_LENGTH = struct.Struct('>I')


class Client:
    """One connection to one agent."""

    def __init__(self, address, port):
        self._socket = socket.create_connection((address, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._manage_ip = address
        self._seq = 0

    def call(self, op, **args):
        """Carry out an operation; gives the records of its reply."""
        self._seq += 1
        lines = {'seq': self._seq, 'op': op, 'manage_ip': self._manage_ip,
                 **args}
        text = '\n'.join(f'{key}={value}' for key, value in lines.items())
        data = text.encode()
        self._socket.sendall(_LENGTH.pack(len(data)) + data)
        reply = self._socket.recv(65536)
        while len(reply) < 4 + _LENGTH.unpack_from(reply)[0]:
            reply += self._socket.recv(65536)
        head, _gap, body = reply[4:].decode().partition('\n\n')
        if '\nresult=0' not in head:
            raise RuntimeError(head)
        return [dict(field.split('=', 1) for field in line.split(','))
                for line in body.splitlines()]


class RESTClient:
    """One session with one manager."""

    def __init__(self, address, port, user, password, authority):
        self._base = f'https://{address}:{port}/dsware/service/'
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = authority
        self._session.headers['Referer'] = self._base
        answer = self._session.post(self._base + 'v1.3/sec/login', json={
            'userName': user, 'password': password})
        self._session.headers['X-Auth-Token'] = answer.headers['X-Auth-Token']

    def volume(self, name):
        """Query a volume; gives its record."""
        answer = self._session.get(
            self._base + 'v1.3/volume/queryByName', params={'volName': name},
            headers={'Content-Type': 'application/json'}).json()
        if answer['result']:
            raise RuntimeError(answer)
        return answer['lunDetailInfo']
