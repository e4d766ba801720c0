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
"""The control socket, from the server's side."""

import asyncio
import dataclasses
import gc
import json
import os
import sys

from dsware_sim.cluster import engine
from dsware_sim.cluster import rules
from dsware_sim import codes
from dsware_sim.front import faults as faults_
from dsware_sim.front import settings

# What a fault can be for besides the cluster's operations.
_OTHERS = ('*', 'login', engine.QUERY_DEVICE)
# The same, of the REST interface.
_REST_ONLY = ('queryMigration', 'deleteMigration', 'queryVolumesOfQoS',
              'querySerialNumber', 'logout', 'keepAlive')

_MAX_LINE = 1048576


class ControlServer:
    """Carries out what comes over the control socket."""

    def __init__(self, server):
        """Control a server.

        :param server: a :class:`dsware_sim.front.server.Server`
        """
        self._server = server
        self._listener = None

    async def start(self, path):
        """Listen.

        :param path: path of the unix socket
        """
        self._listener = await asyncio.start_unix_server(
            self._serve, path, limit=_MAX_LINE)
        os.chmod(path, 0o600)

    def close(self):
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()

    async def _serve(self, reader, writer):
        try:
            while line := await reader.readline():
                reply = await self._answer(line)
                writer.write(json.dumps(reply).encode() + b'\n')
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        except asyncio.CancelledError:
            # The program ends, and Python 3.11 would print that as an error.
            pass
        finally:
            writer.close()

    async def _answer(self, line):
        try:
            request = json.loads(line)
            handler = getattr(self, 'do_' + request['command'], None)
            if handler is None:
                raise ValueError('unknown command %r' % request['command'])
            result = handler(**request['arguments'])
            if asyncio.iscoroutine(result):
                result = await result
            return {'result': result}
        except codes.Refused as refused:
            return {'error': str(refused)}
        except faults_.FaultError as error:
            return {'error': str(error)}
        except (ValueError, TypeError, LookupError, OSError) as error:
            return {'error': '%s: %s' % (type(error).__name__, error)}

    def do_status(self):
        """Tell what the cluster consists of.

        :returns: dict
        """
        server = self._server
        state = server.state
        for pool in state.pools.values():
            for item in pool.live.values():
                server.engine.measure(item)
        return {
            'agents': [_agent(agent) for agent in server.agents.values()],
            'rest': _rest(server),
            'devices': server.worker.devices.kind,
            'pools': [_pool(pool) for pool in state.pools.values()],
            'volumes': [_volume(item) for item in state.volumes.values()],
            'snapshots': [_object(item)
                          for item in state.snapshots.values()],
            'attachments': [{'agent': agent, 'name': name, 'device': device}
                            for (agent, name), device
                            in state.attachments.items()],
            'qos': [{'name': qos.name, 'limits': qos.limits,
                     'volumes': sorted(qos.volumes)}
                    for qos in state.qos.values()],
            'copies': [_job(job, server.copies)
                       for job in state.jobs.values()],
            'copies_paused': server.copies.paused,
            'faults': server.faults.list(),
            'protocol_errors': list(server.service.protocol_errors),
        }

    def do_add_fault(self, **fault):
        """Switch a fault on.

        :param fault: its description
        :returns: its number
        """
        op = fault.get('op') or '*'
        if (op not in (*_OTHERS, *_REST_ONLY)
                and op not in rules.OPERATIONS):
            raise faults_.FaultError('no operation %s' % op)
        agent = fault.get('agent')
        if agent and agent not in self._server.listeners:
            raise faults_.FaultError('no agent %s; there are %s' % (
                agent, ', '.join(self._server.listeners)))
        pool = fault.get('pool')
        if pool is not None and pool not in self._server.state.pools:
            raise faults_.FaultError('no pool %s' % pool)
        return self._server.faults.add(**fault)

    def do_faults(self):
        """List the faults.

        :returns: list of dicts
        """
        return self._server.faults.list()

    async def do_clear_faults(self, numbers=None):
        """Switch faults off.

        :param numbers: their numbers, None for all
        """
        if numbers is None:
            self._server.faults.clear()
        else:
            self._server.faults.remove(numbers)
        await self._server.settle()

    async def do_reset(self):
        """Empty the cluster."""
        await self._server.reset()

    def do_counts(self):
        """Count the requests seen.

        :returns: dict
        """
        return dict(self._server.service.counts)

    def do_log(self):
        """Tell the last requests.

        :returns: list
        """
        return list(self._server.service.log)

    def do_resources(self):
        """Tell what the process uses, after it put away what it can.

        :returns: dict
        """
        gc.collect()
        return {'blocks': sys.getallocatedblocks(),
                'tasks': len(asyncio.all_tasks())}

    def do_set(self, copy_seconds=None, copy_rate=None):
        """Change how long copies take.

        :param copy_seconds: seconds for each
        :param copy_rate: MiB a second
        """
        settings.check_speed(copy_rate, copy_seconds)
        self._server.copies.seconds = copy_seconds
        self._server.copies.rate = copy_rate

    async def do_agent_down(self, address):
        """Let an agent stop listening.

        :param address: its address
        """
        self.do_add_fault(kind=faults_.DOWN, agent=address)
        await self._server.settle()

    async def do_agent_up(self, address):
        """Let an agent listen again.

        :param address: its address
        """
        faults = self._server.faults
        faults.remove(faults.down_numbers(address))
        await self._server.settle()

    def do_set_passwords(self, passwords, keep_sessions=True):
        """Change what clients sign in with.

        :param passwords: those that are accepted from now on
        :param keep_sessions: whether who is signed in stays so
        """
        self._server.set_passwords(passwords, keep_sessions)

    def do_reload_tls(self):
        """Load the certificates again."""
        self._server.reload_tls()

    def do_set_rest(self, **changes):
        """Change how the REST interface behaves.

        :param changes: new values by name
        :raises ValueError: there is no such interface, name or value
        """
        self._rest()
        self._server.behaviour.change(**changes)

    def do_expire_tokens(self):
        """End all tokens of the REST interface."""
        self._rest().manager.sessions.end_all()

    def do_unlock_addresses(self):
        """Forget refused passwords."""
        self._rest().manager.sessions.unlock()

    def _rest(self):
        if self._server.rest is None:
            raise ValueError('this simulator runs without --rest')
        return self._server.rest

    def do_pause_copies(self):
        """Let no copy end."""
        self._server.copies.pause()

    def do_resume_copies(self):
        """Let copies end again."""
        self._server.copies.resume()

    def do_fill_pool(self, pool_id, free=0):
        """Make a pool full.

        :param pool_id: its number
        :param free: MiB to leave, None to take the filling away
        """
        pool = self._server.state.pools[int(pool_id)]
        filler = 0
        if free is not None:
            filler = max(0, pool.total - pool.footprint - free)
        self._server.engine.commit([['filler', pool.id, filler]])

    def do_stop(self):
        """Stop the server."""
        self._server.stopping.set()


def _agent(agent):
    return {'address': agent.address, 'port': agent.port, 'up': agent.up,
            'connections': len(agent.connections)}


def _rest(server):
    if server.rest is None:
        return None
    return {'address': server.rest.host, 'port': server.rest.port,
            'up': server.rest.up,
            'connections': len(server.rest.connections),
            'sessions': len(server.rest.manager.sessions),
            'behaviour': dataclasses.asdict(server.behaviour)}


def _pool(pool):
    return {'pool_id': pool.id, 'total': pool.total, 'used': pool.used,
            'alloc': pool.alloc, 'volumes': len(pool.volumes),
            'snapshots': len(pool.snapshots)}


def _object(item):
    return {'name': item.name, 'pool_id': item.pool.id, 'size': item.size,
            'real_size': item.real_size, 'status': item.status,
            'father': item.father_name, 'created': item.created,
            'wwn': item.wwn}


def _volume(volume):
    return {**_object(volume), 'thin': volume.thin, 'qos': volume.qos}


def _job(job, copies):
    return {'id': job.id, 'kind': job.kind, 'target': job.target.name,
            'source': job.source.name if job.source else None,
            'pool_id': job.pool_id, 'progress': copies.progress(job)}
