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

"""The crash matrix: ``python -m functional.crashes``.

Prints a table of operations, steps and victims with what becomes of each
case, and at the end what has to be said of them all.
"""

import argparse
import sys

from functional.crashes import cases
from functional.crashes import runner
from functional.crashes import table

VICTIMS = (cases.VOLUME, cases.PEER, *cases.DISTURBED)


def _arguments():
    parser = argparse.ArgumentParser(
        prog='python -m functional.crashes',
        description='Kill each part at each step of each operation.')
    parser.add_argument('--operation', action='append', metavar='NAME',
                        help='only this one; may be repeated')
    parser.add_argument('--victim', action='append', choices=VICTIMS,
                        help='only this one; may be repeated')
    parser.add_argument('--step', action='append', type=int, metavar='NUMBER',
                        help='only at this one; may be repeated')
    parser.add_argument('--transport', default='socket',
                        choices=('socket', 'cli'))
    parser.add_argument('--share', type=int, default=1, metavar='N',
                        help='only one of N cases')
    return parser.parse_args()


def _carry_out(one, case, results):
    try:
        told = one.carry_out(case)
    except AssertionError as error:
        results.failed(case, str(error))
    else:
        results.passed(case, told)


def main():
    """Carry out the cases that are asked for.

    :returns: the exit status
    """
    arguments = _arguments()
    results = table.Results(sys.stdout)
    with runner.Runner(arguments.transport) as one:
        for name in arguments.operation or one.operations():
            steps = one.steps(name)
            for case in cases.of_operation(
                    name, steps, arguments.victim or VICTIMS):
                if (case.number in (arguments.step or [case.number])
                        and case.is_chosen(arguments.share)):
                    _carry_out(one, case, results)
    results.print_summary()
    return 1 if results.failures else 0


if __name__ == '__main__':
    sys.exit(main())
