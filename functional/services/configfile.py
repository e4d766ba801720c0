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

"""Writing configuration files as oslo.config reads them."""


def render(sections):
    """The text of a configuration file.

    :param sections: a dict of section name to a dict of option to value; a
                     value that is None is left out, a list is joined with
                     commas
    :returns: text
    """
    return '\n'.join(_section(name, options)
                     for name, options in sections.items())


def _section(name, options):
    lines = ['[%s]' % name]
    lines.extend('%s = %s' % (key, _value(value))
                 for key, value in options.items() if value is not None)
    return '\n'.join(lines) + '\n'


def _value(value):
    if isinstance(value, (list, tuple)):
        return ','.join(str(item) for item in value)
    return str(value)


def write(path, sections):
    """Write a configuration file that only its owner can read.

    :param path: where
    :param sections: see render()
    """
    path.touch(mode=0o600)
    path.write_text(render(sections))
