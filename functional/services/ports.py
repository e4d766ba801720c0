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

"""Ports that nobody else gets while a service is about to take them."""

import socket


class Reservation(object):
    """A free port of a loopback address, held until released.

    The port is bound but never listened on. With SO_REUSEADDR on both sides
    Linux lets the service that the port is meant for bind and listen on it
    all the same, while nobody is given the port as a free one.
    """

    def __init__(self, address='127.0.0.1'):
        """Reserve a port.

        :param address: an address in 127.0.0.0/8
        :raises ValueError: the address is not a loopback address
        """
        if not address.startswith('127.'):
            raise ValueError('%s is not in 127.0.0.0/8: services are only '
                             'started on loopback addresses' % address)
        self.address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, 0))
        self.port = self._socket.getsockname()[1]

    def release(self):
        """Give the port back."""
        self._socket.close()
