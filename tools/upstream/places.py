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

"""Which module goes where, and in which patch: places.toml."""

import dataclasses
import pathlib
import tomllib

TABLE = pathlib.Path(__file__).with_name('places.toml')
#: What has a place each.
ROOTS = ('cinder', 'dsware_doctor', 'dsware_sim', 'os_brick_dsware')


@dataclasses.dataclass(frozen=True)
class Exchange:
    """Text of a file that is there once and becomes another.

    :ivar file: its place in the tree
    :ivar old: the text
    :ivar new: what comes in its place
    """

    file: str
    old: str
    new: str = ''


@dataclasses.dataclass(frozen=True)
class Cut:
    """Parts of a module that are left out.

    :ivar file: its place here
    :ivar defs: names of functions, constants, and classes, such as
        ``Class.method``
    :ivar because: why they never go upstream, if they do not
    """

    file: str
    defs: list[str]
    because: str = ''


@dataclasses.dataclass(frozen=True)
class Patch:
    """A change of a series.

    :ivar series: the tree
    :ivar name: the change's short name
    :ivar message: what it is committed with
    :ivar files: modules of this repository that it adds
    :ivar merged: modules that become part of the tree's own
    :ivar edits: what it changes in files of the tree
    :ivar later: what the patches before it do without, of modules here
    :ivar cuts: the same, by functions and classes
    :ivar calls: names of functions of the module series
    :ivar matrix: features that it adds to the support matrix
    """

    series: str
    name: str
    message: str
    files: list[str]
    merged: list[str]
    edits: list[Exchange]
    later: list[Exchange]
    cuts: list[Cut]
    calls: list[str]
    matrix: list[str]

    @property
    def added(self) -> dict[str, pathlib.Path]:
        """Files that only the tree has: where they go, and where they are."""
        top = TABLE.parent / 'files' / self.series / self.name
        return {str(path.relative_to(top)): path
                for path in sorted(top.rglob('*')) if path.is_file()}


class Places:
    """The table.

    :ivar moves: where files and folders go
    :ivar patches: the changes of all series, in order
    :ivar never: why files and folders do not go upstream, by their place
    :ivar cuts: parts of modules that never go upstream
    """

    def __init__(self):
        table = tomllib.loads(TABLE.read_text())
        self.moves = table['moves']
        self.never = {path: one['because'] for one in table['never']
                      for path in _listed(one['files'])}
        self.cuts = [Cut(**one) for one in table['without']]
        self.patches = [Patch(
            series=one['series'], name=one['name'],
            message=one['message'].strip() + '\n',
            files=_listed(one.get('files', {})),
            merged=one.get('merged', []),
            edits=[Exchange(**edit) for edit in one.get('edits', ())],
            later=[Exchange(**edit) for edit in one.get('later', ())],
            cuts=[Cut(**cut) for cut in one.get('cuts', ())],
            calls=one.get('calls', []), matrix=one.get('matrix', []),
        ) for one in table['patch']]

    def of(self, path: str) -> list[str]:
        """Tell all places of a file: names of patches, or why it has none."""
        found = ['%s: %s' % (one.series, one.name) for one in self.patches
                 if path in one.files + one.merged]
        return found + [why for place, why in self.never.items()
                        if path == place or path.startswith(place + '/')]


def _listed(files):
    """Give the paths of a table of folders with names."""
    return ['%s/%s' % (folder, name) if name else folder
            for folder, names in files.items() for name in names]
