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
"""What the calls of the REST interface have in common.

A call asks the cluster with the operations that agents have, so that no rule
is written twice; here are only its parameters and its place in the answers.
"""

import collections

from dsware_sim.cluster import engine as engine_
from dsware_sim import codec
from dsware_sim import codes

MAX_PAGE = 1000
_MANAGER = 'manager'

Route = collections.namedtuple(
    'Route', 'op family method path handler needed optional place text since',
    defaults=({}, {}, 'errorCode', False, '6.3'))
Route.__doc__ = """A call of the interface.

:param op: name of the operation, as the other transports call it, or a
           function of the parameters that tells it
:param family: 'version' (the version is in the path), 'service' (it is not)
               or 'api' (/api/v2)
:param method: its HTTP method
:param path: what comes after the family's part
:param handler: coroutine function of a :class:`Call`; returns the content of
                the answer, a dict, or a :class:`Reply`
:param needed: dict of checks of parameters by name
:param optional: the same, of those that may be left out
:param place: where the code of a refusal stands: 'errorCode', 'detail',
              'hosts', 'detached' or 'api'
:param text: whether codes are texts
:param since: the first release that has the call
"""


class Reply(engine_.Answer):
    """An answer with content of its own."""

    content = {}
    headers = ()


def reply(content, code=codes.OK, headers=()):
    """Make an answer with content.

    :param content: dict, what goes into the JSON besides the result
    :param code: the code that is noted, the first of those of several objects
    :param headers: sequence of (name, value)
    :returns: :class:`Reply`
    """
    made = Reply(code)
    made.content = content
    made.headers = headers
    return made


class Call:
    """A request that is carried out."""

    def __init__(self, manager, exchange, route, params):
        """Join what handlers need.

        :param manager: the :class:`dsware_sim.front.rest.manager.Manager`
        :param exchange: the request and the way of its answer
        :param route: its :class:`Route`
        :param params: dict of what the path and the body say
        """
        self.manager = manager
        self.exchange = exchange
        self.route = route
        self.params = params
        self.behaviour = manager.behaviour
        self.state = manager.engine.state

    def check(self):
        """Check the parameters.

        :raises Refused: one is missing, unknown or wrong
        """
        for name in self.route.needed:
            if name not in self.params:
                refuse('no %s' % name)
        known = {**self.route.needed, **self.route.optional}
        for name, value in self.params.items():
            if name not in known:
                refuse('unknown parameter %s' % name[:64])
            self.params[name] = known[name](name, value)

    async def ask(self, op, agent=None, **args):
        """Ask the cluster.

        :param op: name of an operation
        :param agent: address of the agent of a host, None for the manager
        :param args: its arguments
        :returns: iterator of records, each a dict of texts
        :raises Refused: the cluster refused
        """
        return read(await self.ask_lines(op, agent, **args))

    async def ask_lines(self, op, agent=None, **args):
        """Ask the cluster for what may be long, and is read in part only.

        :param op: name of an operation
        :param agent: address of the agent of a host, None for the manager
        :param args: its arguments
        :returns: iterable of record lines, as bytes
        :raises Refused: the cluster refused
        """
        texts = {name: str(value) for name, value in args.items()}
        answer = self.manager.engine.execute(
            op, {**texts, 'manage_ip': _MANAGER}, agent)
        if not isinstance(answer, engine_.Answer):
            answer = await answer
        if answer.code != codes.OK:
            raise codes.Refused(answer.code, _detail(answer))
        return answer.lines

    async def ask_one(self, op, **args):
        """Ask the cluster about one object.

        :param op: name of an operation
        :param args: its arguments
        :returns: its record, a dict of texts
        :raises Refused: the cluster refused
        """
        return next(await self.ask(op, **args))

    async def each(self, names, ask):
        """Do the same to several objects, each by itself.

        :param names: their names
        :param ask: coroutine function of a name
        :returns: the content of an answer, or a :class:`Reply` that tells
                  every object's code when one is not 0
        """
        outcomes = []
        for name in names:
            outcomes.append(await self.outcome(ask(name)))
        bad = [code for code, _ in outcomes if code]
        if not bad:
            return {}
        if self.behaviour.refusals not in ('usual', 'detail'):
            raise codes.Refused(bad[0])
        return reply({'result': 1, 'detail': [
            {'errorCode': self.code(code),
             'description': text} for code, text in outcomes]}, bad[0])

    def code(self, code):
        """Write a code of an object.

        :param code: the code
        :returns: a number or a text
        """
        return self.manager.code(self.route, code)

    async def outcome(self, asking):
        """Wait for an answer, a refusal too.

        :param asking: awaitable
        :returns: (code, text)
        """
        try:
            await asking
        except codes.Refused as refused:
            return refused.code, str(refused)
        return codes.OK, codes.describe(codes.OK)


def read(lines):
    """Read record lines.

    :param lines: iterable of bytes
    :returns: iterator of dicts of texts
    """
    return map(codec.decode_record, lines)


def _detail(answer):
    meaning = codes.describe(answer.code)
    return answer.desc.removeprefix(meaning).removeprefix(': ')


def refuse(why):
    """Refuse a request that is malformed.

    :param why: what is wrong
    :raises Refused: always
    """
    raise codes.Refused(codes.COMMAND_FORMAT_ERROR, why)


def text(name, value):
    """Check a parameter that is a text."""
    if not isinstance(value, str):
        refuse('%s is not a text' % name)
    return value


def number(name, value):
    """Check a parameter that is a number, and no text with one."""
    if type(value) is not int:
        refuse('%s is not a number' % name)
    return value


def digits(name, value):
    """Check a number that may be a text."""
    try:
        return number(name, int(value) if isinstance(value, str) else value)
    except ValueError:
        refuse('%s is not a number' % name)


def positive(name, value):
    """Check a number of 1 or more."""
    if number(name, value) < 1:
        refuse('%s is less than 1' % name)
    return value


def page_size(name, value):
    """Check how many entries a page has."""
    if positive(name, value) > MAX_PAGE:
        refuse('%s is more than %d' % (name, MAX_PAGE))
    return value


def texts(name, value):
    """Check a list of texts."""
    if not isinstance(value, list) or not value:
        refuse('%s is not a list of texts' % name)
    return [text(name, item) for item in value]


def mapping(name, value):
    """Check an object of JSON."""
    if not isinstance(value, dict):
        refuse('%s is not an object' % name)
    return value


def anything(name, value):
    """Let a parameter be what it is."""
    return value
