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
"""Calls about attachments, QoS, and who has signed in."""

from dsware_sim.cluster import model
from dsware_sim import codes
from dsware_sim.front.rest import bodies
from dsware_sim.front.rest import calls

_MAX_QOS_NAME = 63
# Needed for a limit that is not always in force; all are here.
_SCHEDULE = ('scheduleType', 'startDate', 'startTime', 'durationTime',
             'dayOfWeek')
_COOKIE = 'session=%s; Path=/; HttpOnly'


async def attach(call):
    """Attach volumes to hosts; each host has a code of its own."""
    content, first = {}, codes.OK
    for name in call.params['volName']:
        content[name] = []
        for host in call.params['ipList']:
            code, text, device = await _attach(call, name, host)
            first = first or code
            content[name].append({
                'errorCode': call.code(code), 'ip': host,
                'description': text, 'devName': device})
    return calls.reply({'result': 0, **content}, first)


async def _attach(call, name, host):
    try:
        _check_host(call, host)
        record, = await call.ask('attachVolume', agent=host, volName=name)
    except codes.Refused as refused:
        return refused.code, str(refused), ''
    return codes.OK, codes.describe(codes.OK), record['devName']


def _check_host(call, host):
    agent = call.manager.agents.get(host)
    if agent is None:
        raise codes.Refused(codes.VBS_NOT_EXIST, host)
    if not agent.up:
        raise codes.Refused(codes.VBS_NOT_READY, host)


async def detach(call):
    """Detach volumes from hosts; each pair has a code of its own."""
    found, first = [], codes.OK
    for name in call.params['volName']:
        for host in call.params['ipList']:
            code, text = await call.outcome(_detach(call, name, host))
            first = first or code
            found.append({'volName': name, 'ip': host, 'description': text,
                          'errorCode': call.code(code)})
    return calls.reply({'result': 0, **detached(call, found)}, first)


async def _detach(call, name, host):
    agent = call.manager.agents.get(host)
    if agent is not None and agent.up:
        await call.ask('detachVolume', agent=host, volName=name)
    else:
        # Nothing can be asked there whether the device is open.
        await call.ask('detachVolumeByIp', volName=name, detachIp=host)


def detached(call, found):
    """Put hosts' codes of a detachment where they stand.

    :param call: a :class:`dsware_sim.front.rest.calls.Call`
    :param found: list of dicts
    :returns: dict
    """
    if call.behaviour.detached == 'none':
        return {}
    if call.behaviour.detached == 'volumeInfo':
        return {'volumeInfo': found}
    content = {}
    for entry in found:
        content.setdefault(entry['volName'], []).append(entry)
    return content


def _limits(call):
    limits = {}
    for key, value in call.params.get('qosSpecInfo', {}).items():
        if key in model.QOS_FIELDS:
            limits[key] = calls.digits(key, value)
        elif key not in _SCHEDULE:
            calls.refuse('unknown limit %s' % key[:64])
    return limits


def _qos_name(name, value):
    if len(calls.text(name, value)) > _MAX_QOS_NAME:
        calls.refuse('%s has more than %d characters' % (name, _MAX_QOS_NAME))
    return value


async def create_qos(call):
    """Make a QoS."""
    await call.ask('createQoS', qosName=call.params['qosName'],
                   **_limits(call))
    return {}


async def modify_qos(call):
    """Change limits of a QoS."""
    await call.ask('setQoS', qosName=call.params['qosName'], **_limits(call))
    return {}


async def delete_qos(call):
    """Delete QoS, each by itself."""
    return await call.each(call.params['qosNames'],
                           lambda name: call.ask('deleteQoS', qosName=name))


async def _change_volumes(call, op):
    qos = call.params['qosName']
    return await call.each(
        call.params['keyNames'],
        lambda name: call.ask(op, qosName=qos, volName=name))


async def associate(call):
    """Give a QoS to volumes, each by itself."""
    return await _change_volumes(call, 'associateQoSWithVolume')


async def disassociate(call):
    """Take a QoS from volumes, each by itself."""
    return await _change_volumes(call, 'disassociateQoSWithVolume')


async def query_qos(call):
    """Tell which QoS a volume has; limits are texts."""
    record = await call.ask_one('queryVolumeQoSInfo',
                                volName=call.params['volName'])
    name = record.pop('qosName')
    if not name:
        return {}
    return {'qosName': name, 'qosSpecInfo': record}


async def list_qos_volumes(call):
    """Tell about a page of the volumes of a pool that have a QoS."""
    if call.params['type'] != 'associated':
        calls.refuse('type is not associated')
    qos = call.state.qos.get(call.params['qosName'])
    if qos is None:
        raise codes.Refused(codes.QOS_NOT_EXIST, call.params['qosName'])
    lines = await call.ask_lines('queryAllVolume',
                                 poolId=call.params['poolId'])
    found = [line for line in lines
             if bodies.first_value(line) in qos.volumes]
    page = bodies.page(found, call.params.get('pageNum', 1),
                       call.params.get('pageSize', calls.MAX_PAGE))
    counted = page if call.behaviour.total == 'page' else found
    return {'totalNum': len(counted),
            'volumes': [bodies.listed_volume(record, call.state)
                        for record in calls.read(page)]}


async def tell_versions(call):
    """Tell the version that goes into paths."""
    return {'currentVersion': call.behaviour.version}


async def tell_release(call):
    """Tell the release."""
    return {'version': call.behaviour.release}


async def tell_sn(call):
    """Tell the cluster's serial number, as one call with a version does."""
    return {'sn': '2102%016X' % call.state.cluster_id}


def _esn(call):
    return '%032x' % call.state.cluster_id


async def tell_esn(call):
    """Tell the cluster's serial number as /api/v2 does: another text."""
    return {'data': {'esn': _esn(call)}}


def _sign_in(call, user):
    scope = call.params.get('scope', '0')
    if scope not in ('0', '1'):
        calls.refuse('scope is neither 0 nor 1')
    return call.manager.sessions.sign_in(
        call.exchange.client, user, call.params['password'])


async def sign_in(call):
    """Make a token."""
    token, cookie = _sign_in(call, call.params['userName'])
    return calls.reply({'result': 0}, headers=(
        ('X-Auth-Token', token), ('Set-Cookie', _COOKIE % cookie)))


async def api_sign_in(call):
    """Make a token, as /api/v2 does."""
    user = call.params.get('user_name', call.params.get('username'))
    if user is None:
        calls.refuse('no user_name')
    token, cookie = _sign_in(call, user)
    return calls.reply(
        {'result': {'code': 0, 'description': ''},
         'data': {'x_auth_token': token, 'system_esn': _esn(call),
                  'password_status': 1}},
        headers=(('Set-Cookie', _COOKIE % cookie),))


async def sign_out(call):
    """End the request's token."""
    call.manager.sessions.end(call.exchange.token)
    return {}


async def keep_alive(call):
    """Let the request's token live its whole life again."""
    call.manager.sessions.prolong(call.exchange.token)
    return {}


_PAIRS = {'volName': calls.texts, 'ipList': calls.texts}
_QOS = {'qosName': _qos_name}
_QOS_AND_LIMITS = {**_QOS, 'qosSpecInfo': calls.mapping}
_QOS_AND_VOLUMES = {**_QOS, 'keyNames': calls.texts}
_SCHEDULES = dict.fromkeys(_SCHEDULE, calls.anything)
_USER = {'userName': calls.text, 'password': calls.text}
_SCOPE = {'scope': calls.text}
_NAMES = {'user_name': calls.text, 'username': calls.text, **_SCOPE}

ROUTES = (
    calls.Route('attachVolume', 'version', 'POST', 'volume/attach', attach,
                _PAIRS, place='hosts', text=True),
    calls.Route('detachVolume', 'version', 'POST', 'volume/detach', detach,
                _PAIRS, place='detached', text=True),
    calls.Route('createQoS', 'version', 'POST', 'qos/create', create_qos,
                _QOS_AND_LIMITS, _SCHEDULES, text=True),
    calls.Route('setQoS', 'version', 'POST', 'qos/modify', modify_qos,
                _QOS_AND_LIMITS, _SCHEDULES, text=True),
    calls.Route('deleteQoS', 'version', 'POST', 'qos/delete', delete_qos,
                {'qosNames': calls.texts}, place='detail'),
    calls.Route('associateQoSWithVolume', 'version', 'POST',
                'qos/volume/associate', associate, _QOS_AND_VOLUMES,
                place='detail'),
    calls.Route('disassociateQoSWithVolume', 'version', 'POST',
                'qos/volume/disassociate', disassociate, _QOS_AND_VOLUMES,
                place='detail'),
    calls.Route('queryVolumeQoSInfo', 'version', 'GET', 'volume/qos',
                query_qos, {'volName': calls.text}),
    calls.Route('queryVolumesOfQoS', 'version', 'POST', 'qos/volume/list',
                list_qos_volumes,
                {**_QOS, 'type': calls.text, 'poolId': calls.number},
                {'queryType': calls.text, 'pageNum': calls.positive,
                 'pageSize': calls.page_size}),
    calls.Route('getDSwareIdentifier', 'service', 'GET', 'rest/version',
                tell_versions),
    calls.Route('getDSwareIdentifier', 'version', 'GET', 'version',
                tell_release),
    calls.Route('querySerialNumber', 'version', 'GET', 'cluster/sn',
                tell_sn),
    calls.Route('querySerialNumber', 'api', 'GET', 'common/esn', tell_esn,
                place='api', since='8.0.0'),
    calls.Route('login', 'version', 'POST', 'sec/login', sign_in, _USER,
                _SCOPE),
    calls.Route('login', 'api', 'POST', 'aa/sessions', api_sign_in,
                {'password': calls.text}, _NAMES, place='api',
                since='8.0.0'),
    calls.Route('logout', 'version', 'POST', 'sec/logout', sign_out),
    calls.Route('logout', 'version', 'POST', 'iam/logout', sign_out),
    calls.Route('logout', 'api', 'DELETE', 'aa/sessions', sign_out,
                place='api', since='8.0.0'),
    calls.Route('keepAlive', 'version', 'POST', 'sec/keepAlive', keep_alive),
)
