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

"""``tox -e bench``: starts what is needed, measures, prints a table."""

import argparse
import pathlib

from functional.bench import images
from functional.bench import listing
from functional.bench import requests
from functional.bench import volumes


def _arguments():
    parser = argparse.ArgumentParser(
        prog='tox -e bench --',
        description='Measures the driver on the simulator.')
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    for name, module, summary in (
            ('volumes', volumes, 'operations a second'),
            ('requests', requests, 'how often the cluster is asked'),
            ('images', images, 'copying images; needs root'),
            ('listing', listing, 'listing what can be managed')):
        command = commands.add_parser(
            name, help=summary, description=module.DESCRIPTION)
        command.set_defaults(table=module.table)
        module.add_arguments(command)
        command.add_argument('--output', type=pathlib.Path,
                             help='also write the table to this file')
    return parser.parse_args()


def main():
    arguments = _arguments()
    text = ''.join(line.rstrip() + '\n' for line in arguments.table(arguments))
    print(text, end='')
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == '__main__':
    main()
