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

"""Many workers on one driver, in one thread world: run as a program.

Standard input is JSON, as a password may be in it: agents, state (the
simulator's directory), eventlet (bool), transport, options (further ones),
workers, rounds, helper (a file for the privileged daemon to read). Prints a
line of JSON at the end.
"""

import json
import sys

SETTINGS = json.load(sys.stdin)
if SETTINGS['eventlet']:
    import eventlet
    eventlet.monkey_patch()

import random  # noqa: E402
import threading  # noqa: E402

from oslo_config import cfg  # noqa: E402

from cinder import exception  # noqa: E402
from cinder import objects  # noqa: E402
import cinder.privsep  # noqa: E402
from dsware_sim.front import control  # noqa: E402

# A program's own directory is on its path.
import making  # noqa: E402, I100


class Failed(Exception):
    """Something is not as it should be."""


def in_threads(job, count):
    """Run a job in many threads at a time.

    :param job: called with a number from 0 on
    :param count: how many threads
    """
    errors = []

    def run(number):
        try:
            job(number)
        except BaseException as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=run, args=(n,), daemon=True)
               for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors or any(thread.is_alive() for thread in threads):
        raise Failed(f'{len(errors)} errors, the first: {errors[:1]}')


class Jobs:
    """What the workers do."""

    def __init__(self):
        """Make the driver and what the jobs look at."""
        self.dsware = making.make_driver(
            'threads', SETTINGS['agents'], dsware_request_timeout=20,
            dsware_transport=SETTINGS['transport'],
            dsware_max_connections=making.CONNECTIONS, **SETTINGS['options'])
        self.dsware.do_setup(None)
        self.dsware.check_for_setup_error()
        self.control = control.Control(SETTINGS['state'])
        self.most = 0
        # One in each pool, to see whether replies get mixed up.
        self.volumes = [making.make_volume(1, n) for n in range(2)]
        for volume in self.volumes:
            self.dsware.create_volume(volume)

    def look(self, number):
        """Query; the pool tells whether the reply is the right one."""
        pool = self.dsware.get_pool(self.volumes[number % 2])
        if pool != str(number % 2):
            raise Failed(f'pool {pool} for volume {number % 2}')

    def work(self, number):
        """Make and delete things, and look between."""
        for _n in range(SETTINGS['rounds']):
            volume, clone = making.make_volume(), making.make_volume()
            self.dsware.create_volume(volume)
            self.look(number)
            self.dsware.create_cloned_volume(clone, volume)
            self.dsware.delete_volume(volume)
            self.look(number + 1)
            self.dsware.delete_volume(clone)
            self.count()

    def count(self):
        """Note how many connections an agent, or the manager, has."""
        status = self.control.status()
        self.most = max([self.most] + [
            door['connections']
            for door in (*status['agents'], status['rest']) if door])

    def all_slots_are_free(self):
        """Use each connection that there may be, and more."""
        in_threads(self.look, 3 * making.CONNECTIONS)

    def interrupted(self):
        """End workers in the middle of calls, in every way there is."""
        if SETTINGS['eventlet']:
            self.killed()
            self.timed_out()
        self.abandoned()
        self.all_slots_are_free()

    def killed(self):
        """Kill greenthreads while they wait for something."""
        chance = random.Random(1)
        volumes = self.victims()
        threads = [eventlet.spawn(self.make_and_delete, volume)
                   for volume in volumes]
        while threads:
            eventlet.sleep(0.002)
            threads.pop(chance.randrange(len(threads))).kill()
        self.clear(volumes)

    def timed_out(self):
        """Let eventlet's time-outs, which are no Exceptions, end calls."""
        volumes = self.victims()

        def run(volume, seconds):
            with eventlet.Timeout(seconds, False):
                self.make_and_delete(volume)

        threads = [eventlet.spawn(run, volume, 0.001 * n)
                   for n, volume in enumerate(volumes)]
        for thread in threads:
            thread.wait()
        self.clear(volumes)

    def victims(self):
        return [making.make_volume() for _n in range(2 * SETTINGS['workers'])]

    def make_and_delete(self, volume):
        while True:
            self.dsware.create_volume(volume)
            self.dsware.delete_volume(volume)

    def clear(self, volumes):
        """Delete what ended workers left, as Cinder does at a start."""
        for volume in volumes:
            self.dsware.delete_volume(volume)

    def abandoned(self):
        """Give calls up that hang at one agent."""
        self.control.add_fault(kind='hang', op='queryVolume', count=2)
        quick = making.make_driver(
            'quick', SETTINGS['agents'], dsware_request_timeout=1,
            dsware_transport=SETTINGS['transport'],
            dsware_max_connections=1, **SETTINGS['options'])
        quick.do_setup(None)
        failures = []

        def look(number):
            try:
                quick.get_pool(self.volumes[number % 2])
            except exception.VolumeBackendAPIException as error:
                failures.append(error)

        in_threads(look, 4)
        self.control.clear_faults()
        if not failures:
            raise Failed('nothing hung')
        quick.get_pool(self.volumes[0])


def main():
    cfg.CONF([], project='cinder')
    if SETTINGS['transport'] == 'cli':
        context = cinder.privsep.sys_admin_pctxt
        cfg.CONF.set_override('helper_command', making.privileged_helper(
            SETTINGS['helper'], SETTINGS['workers']), context.cfg_section)
    objects.register_all()
    jobs = Jobs()
    in_threads(jobs.work, SETTINGS['workers'])
    most = jobs.most
    jobs.interrupted()
    for volume in jobs.volumes:
        jobs.dsware.delete_volume(volume)
    sys.stdout.write(json.dumps({'most': most}) + '\n')


if __name__ == '__main__':
    main()
