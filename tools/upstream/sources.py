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

"""The releases that the patches are for, as repositories of git."""

import hashlib
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

PINS = pathlib.Path(__file__).with_name('sdists.txt')
_PIN = re.compile(r'(?m)^(\S+)==(\S+) --hash=sha256:(\w+)$')
#: Nobody, who signs nothing off.
NOBODY = 'cinder-dsware <cinder-dsware@example.org>'
_ENVIRONMENT = {
    'GIT_AUTHOR_DATE': '2026-08-01T00:00:00+0000',
    'GIT_COMMITTER_DATE': '2026-08-01T00:00:00+0000',
    'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_SYSTEM': '/dev/null',
    'HOME': '/nonexistent', 'PATH': '/usr/local/bin:/usr/bin:/bin'}
_AUTHOR = re.compile(r'([^<>]*[^<> ]) <([^<> ]+@[^<> ]+)>')


class Tree:
    """A repository with the files of a release.

    :param path: its directory
    :param author: who commits to it and signs that off, ``NAME <ADDRESS>``
    """

    def __init__(self, path: pathlib.Path, author: str = NOBODY):
        self.path = path
        self.author = author
        name, address = checked_author(author)
        self._environment = dict(
            _ENVIRONMENT, GIT_AUTHOR_NAME=name, GIT_COMMITTER_NAME=name,
            GIT_AUTHOR_EMAIL=address, GIT_COMMITTER_EMAIL=address)

    def git(self, *args: str) -> str:
        """Run git, always as the same author at the same time."""
        done = subprocess.run(
            ['git', '-c', 'gc.auto=0', '-c', 'core.looseCompression=0',
             '-c', 'core.fsync=none', *args],
            cwd=self.path, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise SystemExit('git %s in %s: %s' % (
                ' '.join(args), self.path, done.stdout))
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        # The lists of ignored files are for work, not for what was released.
        self.git('add', '--all', '--force')
        signed = [] if self.author == NOBODY else ['--signoff']
        self.git('commit', '-q', *signed, '-m', message)

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def checked_author(author: str) -> tuple[str, str]:
    """Give name and address of an author.

    :raises ValueError: it is not of the form ``NAME <ADDRESS>``
    """
    match = _AUTHOR.fullmatch(author)
    if not match:
        raise ValueError("'%s' is not NAME <ADDRESS>" % author)
    return match[1], match[2]


def pins() -> dict[str, tuple[str, str]]:
    """Give version and digest of each release, by its name."""
    return {name: (version, digest) for name, version, digest
            in _PIN.findall(PINS.read_text())}


def fetch(cache: pathlib.Path) -> dict[str, pathlib.Path]:
    """Download the releases that the cache lacks.

    :param cache: a directory
    :returns: their archives, by name
    """
    pinned = pins()
    archives = {name: cache / ('%s-%s.tar.gz' % (name.replace('-', '_'),
                                                 version))
                for name, (version, _digest) in pinned.items()}
    if not all(_is_complete(archives[name], digest)
               for name, (_version, digest) in pinned.items()):
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, '-m', 'pip', 'download', '-q', '--no-deps',
             '--no-binary', ':all:', '--require-hashes', '-r', str(PINS),
             '-d', str(cache)], check=True)
    return archives


def _is_complete(archive, digest):
    return archive.exists() and digest == hashlib.sha256(
        archive.read_bytes()).hexdigest()


def unpack(archive: pathlib.Path, path: pathlib.Path, author: str) -> Tree:
    """Make a repository of a release.

    :param archive: the release
    :param path: where it is to be; what is there goes
    :param author: who changes it
    """
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    with tarfile.open(archive) as packed:
        packed.extractall(path, filter='data')
    top, = path.iterdir()
    for one in list(top.iterdir()):
        one.rename(path / one.name)
    top.rmdir()
    tree = Tree(path)
    tree.git('init', '-q', '-b', 'release')
    tree.commit(archive.name)
    return Tree(path, author)
