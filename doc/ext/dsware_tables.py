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

"""Sphinx directives that make tables from the code."""

import importlib

from docutils import nodes
from docutils.parsers import rst

from cinder.volume.drivers.dsware import result_codes


def _cell(*content):
    entry = nodes.entry()
    entry += content
    return entry


def _row(cells):
    row = nodes.row()
    row += cells
    return row


def _table(widths, titles, rows):
    """Make a table.

    :param widths: the relative width of each column
    :param titles: the text over each column
    :param rows: lists of lists of nodes
    :returns: a table node
    """
    group = nodes.tgroup(cols=len(widths))
    group += [nodes.colspec(colwidth=width) for width in widths]
    head, body = nodes.thead(), nodes.tbody()
    head += _row([_cell(_text(title)) for title in titles])
    body += [_row([_cell(*cell) for cell in row]) for row in rows]
    group += [head, body]
    table = nodes.table()
    table += group
    return table


def _text(text):
    return nodes.paragraph(text, text)


def _literal(text):
    paragraph = nodes.paragraph()
    paragraph += nodes.literal(text, text)
    return paragraph


def _default(option):
    if option.secret or option.default in (None, '', [], {}):
        return 'unset'
    return str(option.default)


def _choices(option):
    choices = getattr(option.type, 'choices', None)
    if not choices:
        return []
    items = nodes.bullet_list()
    for value, meaning in choices.items():
        item = nodes.list_item()
        paragraph = nodes.paragraph()
        paragraph += nodes.literal(value, value)
        paragraph += nodes.Text(': %s' % meaning if meaning else '')
        item += paragraph
        items += item
    return [items]


def _option(option):
    return [[_literal(option.name)],
            [_text(str(option.type).split('(')[0]),
             _literal(_default(option))],
            [_text(option.help), *_choices(option)]]


class OptionsTable(rst.Directive):
    """A table of configuration options.

    The argument is ``module:callable`` or ``module:class.callable``; it gives
    the options, as a list or as pairs of group and list. ``:prefix:`` keeps
    those whose names begin with it, ``:without:`` those that do not.
    """

    required_arguments = 1
    option_spec = {'prefix': rst.directives.unchanged,
                   'without': rst.directives.unchanged}

    def run(self):
        module, _colon, path = self.arguments[0].partition(':')
        found = importlib.import_module(module)
        for name in path.split('.'):
            found = getattr(found, name)
        rows = [_option(option) for option in self._options(found())]
        if not rows:
            raise self.error('no options in %s' % self.arguments[0])
        return [_table((3, 2, 6), ('Option', 'Type and default',
                                   'Description'), rows)]

    def _options(self, found):
        if isinstance(found[0], tuple):
            found = [option for _group, some in found for option in some]
        prefix = self.options.get('prefix', '')
        without = self.options.get('without')
        return sorted(
            (option for option in found if option.name.startswith(prefix)
             and not (without and option.name.startswith(without))),
            key=lambda option: option.name)


class ResultCodesTable(rst.Directive):
    """A table of all result codes that the driver knows."""

    def run(self):
        rows = [[[_literal(str(code.code))], [_literal(code.name)],
                 [_text(code.result_class.value)], [_text(code.meaning)]]
                for code in result_codes.RESULT_CODES.values()]
        return [_table((2, 5, 2, 6), ('Code', 'Name', 'Class', 'Meaning'),
                       rows)]


def setup(app):
    """Add the directives to Sphinx.

    :param app: the application
    :returns: what Sphinx wants to know of an extension
    """
    app.add_directive('dsware-options', OptionsTable)
    app.add_directive('dsware-result-codes', ResultCodesTable)
    return {'parallel_read_safe': True}
