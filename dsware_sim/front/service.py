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
"""What stands between connections and the engine: faults, counts, a log."""

import asyncio
import collections

from dsware_sim.cluster import engine as engine_
from dsware_sim.front import faults as faults_

_LOG_LENGTH = 1000
_SECRETS = frozenset(('password', 'authCredentials'))
_NOT_CARRIED_OUT = (faults_.HANG, faults_.CLI_HANG, faults_.DROP_BEFORE,
                    faults_.AGENT_DIES, faults_.DIE, faults_.HTTP_STATUS)


class Service:
    """Handles the requests of all agents, and of the REST interface."""

    def __init__(self, engine, faults):
        """Put faults in front of an engine.

        :param engine: a :class:`dsware_sim.cluster.engine.Engine`
        :param faults: a :class:`dsware_sim.front.faults.Faults`
        """
        self._engine = engine
        self._faults = faults
        self._tasks = set()
        # Goes up when what is waiting must not be carried out any more.
        self._epoch = 0
        self.counts = collections.Counter()
        self.log = collections.deque(maxlen=_LOG_LENGTH)
        self.protocol_errors = collections.deque(maxlen=_LOG_LENGTH)

    def accepts(self, connection):
        """Whether a new connection may stay.

        :param connection: a :class:`dsware_sim.front.agent.Connection`
        :returns: bool
        """
        agent = connection.agent
        return agent.up and not (self._faults
                                 and self._faults.refuses(agent.address))

    def protocol_error(self, connection, error):
        """Note that a client broke the framing.

        :param connection: where it came from
        :param error: what was wrong
        """
        self.protocol_errors.append((connection.agent.address, str(error)))

    def forget(self):
        """Start counting and logging anew; forget delayed requests."""
        self._epoch += 1
        self.counts.clear()
        self.log.clear()
        self.protocol_errors.clear()

    def device(self, agent, name):
        """Tell the device of an object on a host.

        :param agent: address of the host's agent
        :param name: name of the object
        :returns: :class:`dsware_sim.cluster.engine.Answer`
        """
        return self._engine.device(agent, name)

    def handle(self, connection, request, special):
        """Carry a request out and answer it, now or later.

        :param connection: where it came from: what replies, spoils a reply
                           and aborts
        :param request: a :class:`dsware_sim.codec.Request`
        :param special: function of the request that answers it instead of
                        the engine, as that does, or None
        """
        self.counts[request.op] += 1
        if self._faults:
            met = self._faults.of_request(
                request.op, connection.agent.address, connection.local)
            if met:
                self._later(connection, self._meet(connection, request,
                                                   special, met))
                return
        answer = self._execute(connection, request, special)
        if isinstance(answer, engine_.Answer):
            self._reply(connection, request, answer)
        else:
            self._later(connection,
                        self._wait(connection, request, answer))

    def _execute(self, connection, request, special):
        if special is not None:
            return special(request)
        return self._engine.execute(request.op, request.args,
                                    connection.agent.address)

    def _later(self, connection, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(
            lambda ended: self._ended(ended, connection))

    def _ended(self, task, connection):
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # A mistake of the simulator: the client must not wait for ever.
            asyncio.get_running_loop().call_exception_handler({
                'message': 'a request failed', 'exception': task.exception(),
                'task': task})
            connection.abort()

    async def _wait(self, connection, request, answer):
        self._reply(connection, request, await answer)

    def _reply(self, connection, request, answer):
        self._note(connection, request, answer.code)
        connection.reply(request, answer)

    def _note(self, connection, request, code):
        args = request.args
        if not _SECRETS.isdisjoint(args):
            args = {key: '***' if key in _SECRETS else value
                    for key, value in args.items()}
        self.log.append((connection.agent.address, request.op, args, code))

    async def _meet(self, connection, request, special, met):
        epoch = self._epoch
        for fault in met:
            if fault.kind == faults_.DELAY:
                await asyncio.sleep(fault.seconds)
            elif fault.kind == faults_.HOLD:
                await fault.cleared.wait()
            elif fault.kind == faults_.EXPIRE:
                connection.expire_tokens()
        fault = met[-1]
        if epoch != self._epoch:
            connection.abort()
        elif fault.kind in _NOT_CARRIED_OUT:
            self._note(connection, request, None)
            self._leave(connection, request, fault)
        elif fault.kind == faults_.RESULT:
            self._reply(connection, request,
                        engine_.Answer(*faults_.answer_code(fault)))
        else:
            await self._carry_out(connection, request, special, fault)

    async def _carry_out(self, connection, request, special, fault):
        if fault.kind == faults_.DIE_WRITING:
            self._faults.die_at_write = True
        answer = self._execute(connection, request, special)
        if not isinstance(answer, engine_.Answer):
            answer = await answer
        if fault.kind in faults_.PASSING:
            self._reply(connection, request, answer)
            return
        self._note(connection, request, answer.code)
        if fault.kind == faults_.AGENT_DIES_AFTER:
            self._leave(connection, request, fault)
        elif fault.kind == faults_.RESULT_AFTER:
            connection.reply(request, engine_.Answer(
                *faults_.answer_code(fault)))
        elif fault.kind in (faults_.DIE_AFTER, faults_.DIE_WRITING):
            faults_.die()
        else:
            connection.spoil(request, answer, fault)

    def _leave(self, connection, request, fault):
        """Leave a request without its answer, in a way or another."""
        if fault.kind == faults_.DIE:
            faults_.die()
        elif fault.kind == faults_.DROP_BEFORE:
            connection.abort()
        elif fault.kind == faults_.HTTP_STATUS:
            connection.spoil(request, None, fault)
        elif fault.kind in (faults_.AGENT_DIES, faults_.AGENT_DIES_AFTER):
            self._faults.add(kind=faults_.DOWN,
                             agent=connection.agent.address)
