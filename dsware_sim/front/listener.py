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

"""What agents and the manager have in common: they listen, or do not."""

import asyncio


class Listener:
    """What all the connections to one address share."""

    def __init__(self, service, tls=None):
        """Make one that does not listen yet.

        :param service: a :class:`dsware_sim.front.service.Service`
        :param tls: SSL context of the TCP listener, or None
        """
        self.service = service
        self.connections = set()
        self.up = False
        self._tls = tls
        self._servers = []
        self._opening = asyncio.Lock()

    async def go_up(self):
        """Listen again, on the same port."""
        self.up = True
        async with self._opening:
            if not self._servers:
                await self._open()

    async def _open(self):
        """Listen, and note with which servers of asyncio."""
        raise NotImplementedError

    async def _open_tcp(self, make_connection, host, port):
        """Listen over TCP.

        :returns: the port
        """
        server = await asyncio.get_running_loop().create_server(
            make_connection, host, port, ssl=self._tls, backlog=1024)
        self._servers.append(server)
        return server.sockets[0].getsockname()[1]

    def close_listeners(self):
        """Refuse further connections; those that are there stay."""
        for server in self._servers:
            server.close()
        self._servers = []

    def go_down(self):
        """Stop listening and cut all connections."""
        self.up = False
        self.close_listeners()
        for connection in list(self.connections):
            connection.abort()
