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

"""The parts of a case: what one process does, from its start to its end."""

import json
import os
import sys

from oslo_config import cfg

from cinder.volume import configuration
from cinder.volume import driver
from cinder.volume import manager

from functional.crashes import catalogue
from functional.crashes import checks
from functional.crashes import cluster
from functional.crashes import images
from functional.crashes import service
from functional.crashes import setup
from functional.crashes import steps
from functional.services import waiting

CONF = cfg.CONF
DIES, SURVIVES = 'one', 'two'


class Parts(object):
    """What cinder-volume does in a case; each part has its own process.

    :param settings: agents and sockets of the cluster, the directory
    :param case: operation, cluster, kill_at, victim
    :param control: the simulator's :class:`dsware_sim.front.control.Control`
    """

    def __init__(self, settings, case, control):
        self._settings, self._case, self._control = settings, case, control
        self._path = os.path.join(settings['directory'], 'state', 'case')
        self._kind = catalogue.find(case['operation'])
        self._counting = steps.Steps()
        # Nothing has made the backend's section known to this process yet.
        configuration.Configuration(
            manager.volume_backend_opts + driver.volume_opts
            + driver.backup_opts + driver.image_opts,
            config_group=service.BACKEND)
        for name, value in self._kind.options.items():
            CONF.set_override(name, value, group=service.BACKEND)
        images.stand_in()

    def _start(self, host, state=None):
        started = service.VolumeService(host, self._case.get('cluster'))
        self._counting.watch(started.driver._array.client)
        seen = cluster.Cluster(self._settings['agents'], self._control,
                               self._settings['sockets'])
        return self._kind(setup.Setup(seen, started, state))

    def _prepared(self):
        operation = self._start(DIES)
        operation.prepare()
        state = operation.setup.state
        state['before'] = list(state['ids'].values())
        state['quiet'] = []
        operation.request()
        operation.setup.save(self._path)
        self._control.set(copy_seconds=self._kind.copy_seconds)
        return operation

    def counted(self):
        """Do it undisturbed, and look what becomes of it.

        :returns: the names of its steps, and the modules that it needed
        """
        operation = self._prepared()
        self._counting.start()
        operation.run()
        operation.setup.service.come_to_rest()
        names = self._counting.stop()
        operation.check()
        checker = checks.Checker(operation)
        checker.reset_stuck()
        checker.compare()
        operation.finish()
        checker.delete_all()
        return {'steps': names, 'modules': sorted(sys.modules)}

    def killed(self):
        """Do it, and be killed after a step.

        :returns: nothing when it was done before that
        """
        operation = self._prepared()
        self._counting.start(self._case['kill_at'])
        operation.run()
        operation.setup.service.come_to_rest()
        return {}

    def restarted(self):
        """Start again after that, and look what is there.

        :returns: what has become of it, and what had to be reset
        """
        return self._afterwards(self._start(DIES, self._state()), True)

    def survived(self):
        """Be another service of the cluster, which cleans up for Cinder.

        :returns: what has become of it, and what had to be reset
        """
        operation = self._start(SURVIVES, self._state())
        operation.setup.service.clean_up_after(DIES)
        return self._afterwards(operation, True)

    def disturbed(self):
        """Do it while another process is killed.

        :returns: what has become of it, and what had to be reset
        """
        operation = self._prepared()
        self._counting.start(before_request=self._disturb)
        error = checks.carefully(operation.run)
        self._counting.stop()
        self._wait_for_cluster()
        operation.setup.service.ask_for_statistics()
        found = self._afterwards(operation)
        found['error'] = str(error) if error else ''
        return found

    def _disturb(self, number, op):
        if number == self._case['kill_at']:
            self._control.add_fault(kind=self._case['victim'], op=op,
                                    count=1)

    def _wait_for_cluster(self):
        def is_up():
            try:
                self._control.clear_faults()
                return all(agent['up']
                           for agent in self._control.status()['agents'])
            except Exception:
                return False
        waiting.wait_for(is_up, service.SECONDS, 'The return of the cluster')

    def _state(self):
        with open(self._path) as state:
            return json.load(state)

    def _afterwards(self, operation, killed=False):
        """Look what is left, clear it up as Cinder's users do, and repeat.

        :param operation: the operation that was interrupted
        :param killed: whether the volume service was; then its records may
            be in any state that an administrator can reset
        """
        operation.setup.service.come_to_rest(copies=not killed)
        operation.after_crash()
        checker = checks.Checker(operation)
        found = {'outcome': checker.outcome(),
                 'stuck': checker.reset_stuck(killed)}
        checker.compare(killed)
        checker.clear_failed()
        checker.make_usable()
        operation.repeat()
        operation.setup.service.come_to_rest()
        checker.compare()
        operation.finish()
        checker.delete_all()
        return found
