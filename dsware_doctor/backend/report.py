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

"""Shows what a check found, to people and to machines."""

import dataclasses

from dsware_doctor import findings
from dsware_doctor import report as reports


@dataclasses.dataclass
class Report:
    """Everything that was found.

    :ivar host: this host
    :ivar sections: findings by subject, in the order to show them in
    """

    host: str
    sections: dict[str, list[findings.Finding]] = dataclasses.field(
        default_factory=dict)

    def problems(self) -> list[findings.Finding]:
        """List all problems.

        :returns: the findings
        """
        return [one for found in self.sections.values() for one in found
                if one.level == findings.PROBLEM]


def as_text(report: Report) -> str:
    """Write a report for people.

    :param report: the report
    :returns: lines of text
    """
    return '\n'.join([
        'Dsware backends of host %s' % reports.shown(report.host),
        *reports.section_lines(report.sections), '',
        reports.summary(report.problems())]) + '\n'


def as_json(report: Report) -> str:
    """Write a report for machines.

    :param report: the report
    :returns: a JSON object
    """
    sections = report.sections
    return reports.json_text({
        'format': 1, 'host': report.host,
        'status': 'problems' if report.problems() else 'ok',
        'problems': [dict(dataclasses.asdict(one), section=title)
                     for title, found in sections.items() for one in found
                     if one.level == findings.PROBLEM],
        'sections': {title: [dataclasses.asdict(one) for one in found]
                     for title, found in sections.items()}})
