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

"""What it costs to count.

Run as ``python -m functional.bench.counting``. One worker asks for a volume
again and again; in turn with counters, and with counting replaced by nothing.
"""

import argparse
import statistics
import time
from unittest import mock
import uuid

from oslo_config import cfg

from cinder import context
from cinder import objects
from cinder.volume import configuration
from cinder.volume import driver as volume_driver
from cinder.volume.drivers.dsware.client import counters
from cinder.volume.drivers.dsware import driver

from dsware_sim import testing

CONF = cfg.CONF
_GROUP = 'dsware'


def _arguments():
    parser = argparse.ArgumentParser(
        prog='python -m functional.bench.counting',
        description='Measures what the counters of the driver cost.')
    parser.add_argument('--seconds', type=float, default=0.25,
                        help='how long each turn lasts (%(default)s)')
    parser.add_argument('--turns', type=int, default=40,
                        help='turns of each kind (%(default)s)')
    return parser.parse_args()


def _driver(agents):
    conf = configuration.Configuration(volume_driver.volume_opts,
                                       config_group=_GROUP)
    made = driver.DSWareDriver(configuration=conf, host='bench@dsware')
    values = {'san_ip': agents[0][0],
              'dsware_agents': [f'{host}:{port}' for host, port in agents]}
    for name, value in values.items():
        CONF.set_override(name, value, group=_GROUP)
    made.do_setup(None)
    made.check_for_setup_error()
    return made


def _turn(operation, seconds):
    """Repeat an operation.

    :returns: operations a second; processor seconds for one
    """
    done = 0
    cpu, start = time.process_time(), time.monotonic()
    while time.monotonic() < start + seconds:
        operation()
        done += 1
    return (done / (time.monotonic() - start),
            (time.process_time() - cpu) / done)


def _uncounted(operation, seconds):
    with mock.patch.object(counters.Tally, 'add',
                           lambda self, group, key, number=1: None):
        return _turn(operation, seconds)


def _ratio(operation, arguments):
    """Compare neighbouring turns, whose order alternates.

    :returns: medians of the ratio of rates, and of processor times
    """
    pairs = []
    for number in range(arguments.turns):
        kinds = [_turn, _uncounted]
        if number % 2:
            kinds.reverse()
        results = {kind: kind(operation, arguments.seconds)
                   for kind in kinds}
        pairs.append((results[_turn], results[_uncounted]))
    return [statistics.median(counted[which] / bare[which]
                              for counted, bare in pairs) for which in (0, 1)]


def main():
    arguments = _arguments()
    CONF([], project='cinder')
    objects.register_all()
    with testing.Simulator(agents=2, devices='file') as simulator:
        dsware = _driver(simulator.agents)
        volume = objects.Volume(
            context.get_admin_context(), id=str(uuid.uuid4()),
            _name_id=None, size=1, host='bench@backend#0', volume_type=None,
            volume_type_id=None, provider_id=None, use_quota=True)
        dsware.create_volume(volume)
        try:
            rate, cpu = _ratio(lambda: dsware.get_pool(volume), arguments)
        finally:
            dsware.delete_volume(volume)
    print(f'with counters / without: operations a second {rate:.3f}, '
          f'processor time of one {cpu:.3f}')


if __name__ == '__main__':
    main()
