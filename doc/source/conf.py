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

import importlib.metadata

extensions = [
    'oslo_config.sphinxext',
    'sphinx_feature_classification.support_matrix',
]

project = 'cinder-dsware'
project_copyright = 'the contributors of cinder-dsware'
release = version = importlib.metadata.version(project)
master_doc = 'index'

# The theme of the OpenStack project points readers to OpenStack's own bug
# tracker and documentation.
html_theme = 'furo'
html_title = f'{project} {release}'
html_static_path = ['_static']
html_css_files = ['pages.css']
html_show_sphinx = False
highlight_language = 'none'
nitpicky = True
