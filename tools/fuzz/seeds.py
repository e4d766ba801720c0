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

"""What the fuzzer starts from: the corpus, and the codecs' test vectors.

A file of the corpus is one input, as its target takes it. What was found to
be a defect stays there.
"""

import json
import pathlib

from tools.fuzz import mutations

CORPUS = pathlib.Path(__file__).with_name('corpus')
_VECTORS = (pathlib.Path(__file__).parents[2]
            / 'dsware_sim/tests/vectors.json')
# Values that a name, an address or a number may be mistaken for.
_ODD = (b'-rf', b'--op', b'a\nb', b'a b', b'\0', b'%0A', b'a,b', b'../a',
        b'$(reboot)', b'"', b"'", b';', b'', b'\x1b[2J', b'-', b'.')


def _hex(frames):
    return bytes.fromhex(frames if isinstance(frames, str)
                         else ''.join(frames))


def _vectors(kind):
    vectors = json.loads(_VECTORS.read_text())
    for name in (kind, f'bad_{kind}'):
        for vector in vectors.get(name, ()):
            frames = _hex(vector['hex'])
            # Each target's connection has just sent its first request.
            seq = b'seq=%d\n' % vector.get('seq', 1)
            if kind == 'reply':
                frames = b''.join(
                    mutations.framed(payload.replace(seq, b'seq=1\n'))
                    for payload in mutations.payloads(frames)) or frames
            yield frames if kind == 'reply' else frames[4:]


def load(corpora) -> list[bytes]:
    """Read seeds.

    :param corpora: names of directories of the corpus, and of vectors
    :returns: the seeds, always in the same order
    """
    found = [path.read_bytes() for kind in corpora
             for path in sorted((CORPUS / kind).glob('*'))]
    for kind in corpora:
        if kind in ('reply', 'request'):
            found += _vectors(kind)
        if kind == 'arguments':
            found += [b'queryVolume=volName=volume-1=volSize=1024=' + odd
                      + b'=192.0.2.10' for odd in _ODD]
    return found
