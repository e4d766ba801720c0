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

"""The process with the driver and its workers: run as a program.

The one argument is JSON: agents (address and port of each), directory,
workers, connections, timeout, seed. Each line of input is JSON, a command and
its arguments; each is answered by a line of JSON.
OS_CINDER_DISABLE_EVENTLET_PATCHING chooses between eventlet and native
threads.
"""

# Cinder's tests choose the kind of threads, so they have to be first.
from cinder.tests.unit.volume.drivers.dsware.integration import making

import collections  # noqa: I100
import json
import os
import sys
import threading
import time

from cinder import context
from cinder.db import api as db
from cinder import objects
from cinder.volume.drivers.dsware.client import transport

from functional.load import resources
from functional.load import worker
from functional.services import library

SETTINGS = json.loads(sys.argv[1])
_BACKEND = 'load'
_STATS_INTERVAL = 0.25
_FILLERS = 4


class Service:
    """A volume service, as far as the driver needs one.

    :ivar dsware: the driver
    :ivar types: volume types, one without and two with limits
    :ivar connectors: connector properties of the cluster's hosts
    """

    def __init__(self):
        """Start."""
        library.set_up(SETTINGS['directory'])
        agents = {'compute%d' % number: '%s:%d' % tuple(agent)
                  for number, agent in enumerate(SETTINGS['agents'])}
        self.connectors = [
            {'host': host, 'ip': agent.rpartition(':')[0],
             'dsware_cli': True}
            for host, agent in agents.items()]
        self.types = [self._type(), self._type(maxIOPS='500'),
                      self._type(maxIOPS='700', maxMBPS='20')]
        self.dsware = making.make_driver(
            _BACKEND, SETTINGS['agents'], dsware_attach_by='manager',
            dsware_host_agents=agents,
            dsware_max_connections=SETTINGS['connections'],
            dsware_request_timeout=SETTINGS['timeout'])
        self._requests = collections.Counter()
        self._count()
        self.dsware.do_setup(context.get_admin_context())
        self.dsware.check_for_setup_error()
        self.dsware.set_initialized()

    @staticmethod
    def _type(**limits):
        return objects.VolumeType.get_by_id(
            context.get_admin_context(), making.make_limited_type(**limits))

    def host(self, pool):
        """Tell what Cinder calls a pool."""
        return '%s#%d' % (self.dsware.host, pool)

    def close(self):
        """Close idle connections, so that those that leaked show."""
        self.dsware._array.client.close()
        # SQLite's module keeps up to 200 dead references for each of them.
        db.get_engine().dispose()

    def requests(self):
        """Count the requests of each agent that any agent could carry out.

        :returns: a dict of numbers by agent
        """
        return dict(self._requests)

    def _count(self):
        """Count what the driver sends, without what acts on one host."""
        exchange = transport.SocketTransport.exchange

        def counted(carrier, request, deadline):
            if request.op not in ('attachVolume', 'detachVolume'):
                self._requests[str(carrier.endpoint)] += 1
            return exchange(carrier, request, deadline)

        transport.SocketTransport.exchange = counted


class Statistics:
    """Asks for the statistics, as Cinder does, and notes how long it took."""

    def __init__(self, service):
        """Prepare; run() begins."""
        self._service = service
        self._end = threading.Event()
        self.calls = []

    def run(self):
        """Ask again and again."""
        while not self._end.wait(_STATS_INTERVAL):
            now, before = time.time(), time.monotonic()
            stats = self._service.dsware.get_volume_stats(refresh=True)
            self.calls.append([now, time.monotonic() - before,
                               stats['backend_state']])

    def end(self):
        """Let run() return."""
        self._end.set()


class Commands:
    """What the parent process can ask for."""

    def __init__(self, service):
        """Prepare the workers."""
        self._service = service
        self._round = 0

    def fill(self, volumes):
        """Make the volumes that are there all the time."""
        client = self._service.dsware._array.client
        numbers = iter(range(volumes))
        lock = threading.Lock()

        def make():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                client.call('createVolume', poolId=number % 2, thinFlag=1,
                            volName='volume-of-somebody-%06d' % number,
                            volSize=1024)

        _in_threads([make] * _FILLERS)
        return volumes

    def round(self, seconds):
        """Let the workers work, clear up, and measure what is left."""
        self._round += 1
        workers = [worker.Worker(number, self._service, '%s %d' % (
            SETTINGS['seed'], self._round))
            for number in range(SETTINGS['workers'])]
        statistics = Statistics(self._service)
        watch = threading.Thread(target=statistics.run)
        watch.start()
        end = time.monotonic() + seconds
        try:
            _in_threads([lambda one=one: one.work(end) for one in workers])
        finally:
            statistics.end()
            watch.join()
        answer = self._answer([one.results for one in workers])
        answer['statistics'] = statistics.calls
        # The threads have ended, and nothing here holds what they did.
        del workers, statistics, watch
        self._service.close()
        return dict(answer, resources=resources.of_this_process(),
                    requests=self._service.requests())

    @staticmethod
    def _answer(results):
        counts, seconds = collections.Counter(), collections.Counter()
        longest = collections.defaultdict(float)
        for one in results:
            counts.update(one.counts)
            seconds.update(one.seconds)
            for operation, value in one.longest.items():
                longest[operation] = max(longest[operation], value)
        return {'operations': dict(counts), 'seconds': dict(seconds),
                'longest': dict(longest),
                'errors': [error for one in results
                           for error in one.errors],
                'by_worker': [sum(one.counts.values()) for one in results]}


def _in_threads(jobs):
    """Run jobs at a time; what one raises is raised when all have ended."""
    errors = []

    def run(job):
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def main():
    """Carry commands out until the input ends."""
    # What libraries print does not belong between the answers.
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    commands = Commands(Service())
    print(json.dumps({'pid': os.getpid()}), file=answers, flush=True)
    for line in sys.stdin:
        command, arguments = json.loads(line)
        answer = getattr(commands, command)(**arguments)
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)


if __name__ == '__main__':
    main()
