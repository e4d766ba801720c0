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
"""What an operation wants done: the language between rules and server.

A handler looks at the state, refuses (:class:`dsware_sim.codes.Refused`) or
returns a :class:`Plan`. The server carries out the plan's work (files and
devices), writes the events to the journal, applies them and answers. So the
rules never block and never touch a file, and a server that is killed half
way leaves a state that is either as before or as after.
"""

import collections

Copy = collections.namedtuple('Copy', 'source target_id size')
Copy.__doc__ = """Copy an object's bytes to a new object's file.

:param source: the object that is read
:param target_id: the number of the object that is made
:param size: size of the new object in MiB
"""

CopyAll = collections.namedtuple('CopyAll', 'copies')
CopyAll.__doc__ = """Make several copies, all or none.

:param copies: sequence of :class:`Copy`
"""

Attach = collections.namedtuple('Attach', 'item agent')
Attach.__doc__ = """Make the block device of an object on a host.

:param item: the object
:param agent: address of the host's agent
"""

Detach = collections.namedtuple('Detach', 'item agent force')
Detach.__doc__ = """Remove the block device of an object on a host.

:param item: the object
:param agent: address of the host's agent
:param force: whether it is removed even when it is open
"""

Grow = collections.namedtuple('Grow', 'item size')
Grow.__doc__ = """Make an object's file and its devices larger.

:param item: the object
:param size: its new size in MiB
"""


class Call:
    """A request, checked and parsed."""

    __slots__ = ('op', 'args', 'agent', 'now')

    def __init__(self, op, args, agent, now):
        """Keep what a handler needs to know of a request.

        :param op: name of the operation
        :param args: dict of the parsed arguments
        :param agent: address of the agent that was asked
        :param now: the time, in seconds since the epoch
        """
        self.op = op
        self.args = args
        self.agent = agent
        self.now = now


class Plan:
    """What an operation changes and answers."""

    __slots__ = ('events', 'lines', 'work', 'finish', 'room')

    def __init__(self, lines=(), events=(), work=None, finish=None,
                 room=()):
        """Make a plan.

        :param lines: iterable of the reply's record lines, as bytes
        :param events: the events that change the state
        :param work: what to do with files or devices before the events are
                     applied, or None
        :param finish: called with the result of the work; returns the
                       events and the lines to use instead
        :param room: sequence of (pool, MiB) that the work will use
        """
        self.lines = lines
        self.events = events
        self.work = work
        self.finish = finish
        self.room = room


Operation = collections.namedtuple(
    'Operation', 'handler arguments optional changes modern manager',
    defaults=({}, False, False, False))
Operation.__doc__ = """An entry of the table of operations.

:param handler: function of the state and the call, returns a Plan
:param arguments: dict of parsers by name, all of them needed
:param optional: dict of parsers by name
:param changes: whether the operation changes anything
:param modern: whether older clusters do not know it
:param manager: whether only the manager knows it, and no agent
"""
