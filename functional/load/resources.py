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

"""What a process uses, as the kernel and Python's allocator tell it."""

import ctypes
import gc
import os
import sys
import threading


def of_process(pid):
    """Tell what a process uses, seen from outside.

    :param pid: its id
    :returns: a dict of memory (MiB), threads, descriptors and sockets
    :raises OSError: the process is gone
    """
    facts = {}
    with open('/proc/%d/status' % pid) as status:
        for line in status:
            name, _colon, value = line.partition(':')
            facts[name] = value
    if 'VmRSS' not in facts:
        raise ProcessLookupError('process %d has ended' % pid)
    targets = list(_descriptors('/proc/%d/fd' % pid))
    return {'memory': int(facts['VmRSS'].split()[0]) / 1024,
            'threads': int(facts['Threads']),
            'descriptors': len(targets),
            'sockets': sum(1 for target in targets
                           if target.startswith('socket:'))}


def _descriptors(directory):
    for name in os.listdir(directory):
        try:
            yield os.readlink(os.path.join(directory, name))
        except OSError:
            # Closed meanwhile, as the one of listdir() is.
            continue


def of_this_process():
    """Tell what this process uses when it has put away what it can.

    :returns: what of_process() tells, and the number of the allocator's
        blocks: all objects of Python, without what the allocators keep
    """
    # What one collection frees may be what held something else.
    for _generation in range(3):
        gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return dict(of_process(os.getpid()), blocks=sys.getallocatedblocks(),
                python_threads=threading.active_count())
