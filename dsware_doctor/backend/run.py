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

from oslo_config import cfg

from cinder import exception
from cinder.volume.drivers.dsware import config as backends
from dsware_doctor.backend import agents
from dsware_doctor.backend import coordination
from dsware_doctor.backend import objects
from dsware_doctor.backend import pools
from dsware_doctor.backend import records
from dsware_doctor.backend import report as reports
from dsware_doctor.backend import settings
from dsware_doctor import findings

CONF = cfg.CONF


class Check:
    """Checks backends.

    :param chosen: the :class:`settings.Backend` to check
    :param listing: whether to list what is in the pools
    """

    def __init__(self, chosen, listing=True):
        self._chosen = chosen
        self._listing = listing

    def all(self) -> reports.Report:
        """Check everything.

        :returns: what was found
        """
        report = reports.Report(CONF.host)
        report.sections['Configuration'] = [
            *settings.check(self._chosen), *_templates(),
            *coordination.check(settings.cluster())]
        if any(backend.configuration.dsware_attach_by == 'host'
               for backend in self._chosen):
            report.sections['Records of attached volumes'] = records.check()
        for backend in self._chosen:
            self._check(report, backend)
        return report

    def _check(self, report, backend):
        def add(title, found):
            report.sections[f'Backend {backend.name}: {title}'] = found

        problems = _wrong_options(backend.configuration)
        add('options', settings.values(backend) + problems)
        if not problems:
            array = backends.make_array(backend.configuration)
            try:
                self._ask(add, backend, array)
            finally:
                array.client.close()

    def _ask(self, add, backend, array):
        found, answers = agents.check(backend.configuration, array)
        add('agents', found)
        if not answers:
            add('pools', [findings.note(
                'not looked at, because no agent answers')])
            return
        found, used = pools.check(backend.configuration, array)
        add('pools', found)
        if self._listing and used:
            add('objects', objects.check(backend.configuration, array, used))


def _templates():
    try:
        backends.check_name_templates()
    except exception.InvalidConfigurationValue as error:
        return [findings.problem(str(error), 'correct it in [DEFAULT]; '
                                 'volumes that exist keep their names on '
                                 'the cluster only if it is as it was')]
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
                str(error), 'correct the option; cinder-volume does not '
                'start the backend with it')
    return list(found.values())
