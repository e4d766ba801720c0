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

import os
import sys

sys.path.insert(0, os.path.abspath('../ext'))

extensions = ['dsware_tables']

project = 'cinder-dsware'
project_copyright = 'the contributors of cinder-dsware'
master_doc = 'index'

# A theme that comes with Sphinx: the one of the OpenStack project points
# readers to OpenStack's own bug tracker and documentation.
html_theme = 'alabaster'
html_theme_options = {
    'description': 'Huawei Dsware for OpenStack',
    'fixed_sidebar': True,
    'page_width': '72em',
}
html_show_sphinx = False
highlight_language = 'none'
nitpicky = True
