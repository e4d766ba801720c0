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

"""One run of the check."""

import dataclasses
import datetime
import functools

from oslo_config import cfg
from oslo_utils import timeutils

from cinder import exception
from cinder.volume.drivers.dsware.array import array as arrays
from cinder.volume.drivers.dsware import config as backends
from cinder.volume.drivers.dsware import exceptions
from dsware_doctor.backend import agents
from dsware_doctor.backend import comparison
from dsware_doctor.backend import coordination
from dsware_doctor.backend import database
from dsware_doctor.backend import judge
from dsware_doctor.backend import locks
from dsware_doctor.backend import pools
from dsware_doctor.backend import process
from dsware_doctor.backend import services
from dsware_doctor.backend import settings
from dsware_doctor import findings
from dsware_doctor import report as reports

CONF = cfg.CONF


@dataclasses.dataclass(frozen=True)
class _Reached:
    """A backend whose cluster answers."""

    backend: settings.Backend
    array: arrays.Array
    endpoint: object
    pools: list[int]


class Check:
    """Checks backends.

    :param chosen: the :class:`settings.Backend` to check
    :param listing: whether to compare Cinder with the clusters
    :param older: minutes that a state of transition may last
    """

    def __init__(self, chosen, listing=True, older=15):
        self._chosen = chosen
        self._listing = listing
        self._older = datetime.timedelta(minutes=older)
        self._report = reports.Report('backend', CONF.host)

    def all(self) -> reports.Report:
        """Check everything.

        :returns: what was found
        """
        self._check_host()
        reached = []
        try:
            for backend in self._chosen:
                reached += self._reach(backend)
            self._check_records(reached)
        finally:
            for one in reached:
                one.array.client.close()
        return self._report

    def _check_host(self):
        """Look at what all backends of this host have in common."""
        add = functools.partial(self._report.add, 'Configuration')
        add(settings.check(self._chosen))
        add(_templates())
        add(coordination.check(settings.cluster()))
        add(process.check_configuration(settings.files()))
        self._report.add('Privileges', process.check_privileges())
        if any(backend.configuration.dsware_attach_by == 'host'
               for backend in self._chosen):
            self._report.add('Records of attached volumes', locks.check())

    # Clusters -------------------------------------------------------------

    def _reach(self, backend):
        problems = _wrong_options(backend.configuration)
        self._report.add('Options', settings.values(backend) + problems,
                         backend.name)
        if problems:
            return
        array = backends.make_array(backend.configuration)
        measure = functools.partial(self._report.measure,
                                    backend=backend.name)
        found, up = agents.check(backend.configuration, array, measure)
        self._report.add('%ss' % agents.noun(
            backend.configuration).capitalize(), found, backend.name)
        used = []
        if up:
            found, used = pools.check(backend.configuration, array, measure)
            self._report.add('Pools', found, backend.name)
        if used:
            yield _Reached(backend, array, up[0], used)
        else:
            array.client.close()

    # Cinder's records -----------------------------------------------------

    def _check_records(self, reached):
        try:
            database.check()
            known = services.Services.read()
            for backend in self._chosen:
                self._report.add('Services', known.check(backend.place),
                                 backend.name)
            if self._listing:
                for members in _by_cluster(reached):
                    self._compare(known, members)
        except database.ERRORS as error:
            self._report.add('Database', [findings.problem(
                'database-unreadable', "Cinder's database cannot be read: "
                'what Cinder has was not compared with the cluster',
                'correct connection in group database, or run this on the '
                'host of cinder-volume, as its user',
                str(error).partition('\n')[0])])

    def _compare(self, known, members):
        """Compare the backends of one cluster.

        :param known: Cinder's services
        :param members: list of _Reached
        """
        first = members[0]
        judging = judge.Judge(
            known, self._older, timeutils.utcnow(), _cluster(first))
        compared = comparison.Comparison(self._report, [
            comparison.Member(one.backend.name, one.backend.place, one.pools,
                              one.backend.configuration.dsware_copy_timeout)
            for one in members], first.array, judging)
        try:
            compared.run()
        except exceptions.DSWareError as error:
            self._report.add('Cinder and the cluster', [findings.problem(
                'listing-failed', 'the pools cannot be listed: Cinder was '
                'not compared with the cluster',
                'raise dsware_request_timeout if the listing only takes '
                'long, or leave it out with --no-listing', error.summary)],
                first.backend.name)


def _cluster(reached):
    configuration = reached.backend.configuration
    if backends.uses_rest(configuration):
        return judge.ByManager(reached.endpoint)
    return judge.ByAgent(configuration.san_ip, reached.endpoint)


def _by_cluster(reached):
    """Put the backends together that have a manager in common.

    On one host an address leads to one manager, and so to one cluster.
    """
    found = {}
    for one in reached:
        found.setdefault(backends.location_info(one.backend.configuration),
                         []).append(one)
    return found.values()


def _templates():
    try:
        backends.check_name_templates()
    except exception.InvalidConfigurationValue as error:
        return [findings.problem(
            'option-wrong', str(error), 'correct it in [DEFAULT]; volumes '
            'that exist keep their names on the cluster only if it is as it '
            'was')]
    return [findings.ok('volume_name_template %s and snapshot_name_template '
                        '%s give legal names' % (
                            CONF.volume_name_template,
                            CONF.snapshot_name_template))]


def _wrong_options(configuration):
    """Find all options that are wrong, not only the first."""
    found = {}
    for check in (backends.manager_address, backends.agents,
                  backends.host_agents, backends.make_array):
        try:
            check(configuration)
        except exception.InvalidConfigurationValue as error:
            found[str(error)] = findings.problem(
                'option-wrong', str(error),
                'correct the option; cinder-volume does not start the '
                'backend with it')
    return list(found.values())
