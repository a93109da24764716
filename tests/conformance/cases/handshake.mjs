// The opening handshake (RFC 6455, sections 4.2 and 4.4).
import { ACCEPT, upgradeLines, request } from '../lib/peer.mjs'

const changed = changes => ({ head: request({ ...upgradeLines(), ...changes }) })
const opens = heard => heard.status === 101 && heard.headers.get('sec-websocket-accept') === ACCEPT &&
  heard.headers.get('upgrade')?.toLowerCase() === 'websocket' && heard.headers.get('connection')?.toLowerCase() === 'upgrade' &&
  !heard.headers.has('sec-websocket-extensions') && !heard.headers.has('sec-websocket-protocol')
const answers = (...statuses) => heard => statuses.includes(heard.status)

export default {
  name: 'handshake',
  title: 'The opening handshake',
  cases: [
    { what: 'a right request', ...changed({}), opens },
    { what: 'names of headers in any case', head: request(upgradeLines()).replace('Sec-WebSocket-Key', 'SEC-WEBSOCKET-KEY').replace('Upgrade:', 'uPGRADE:'), opens },
    { what: 'values of Upgrade and Connection in any case', ...changed({ Upgrade: 'WebSocket', Connection: 'upgrade' }), opens },
    { what: 'Connection with more in its list', ...changed({ Connection: 'keep-alive, Upgrade' }), opens },
    { what: 'Upgrade with more in its list', ...changed({ Upgrade: 'h2c, websocket' }), opens },
    { what: 'an extension that nobody knows', ...changed({ 'Sec-WebSocket-Extensions': 'x-unknown; a=1' }), opens },
    { what: 'a subprotocol that nobody knows', ...changed({ 'Sec-WebSocket-Protocol': 'x-unknown' }), opens },
    { what: 'a query', head: request(upgradeLines(), 'GET /echo?a=b HTTP/1.1'), opens },
    { what: 'the target in absolute form', head: request(upgradeLines(), 'GET http://test/echo HTTP/1.1'), opens },
    { what: 'without Sec-WebSocket-Key', ...changed({ 'Sec-WebSocket-Key': undefined }), opens: answers(400) },
    { what: 'a key that is too short', ...changed({ 'Sec-WebSocket-Key': 'c2hvcnQ=' }), opens: answers(400) },
    { what: 'a key that is not base64', ...changed({ 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }), opens: answers(400) },
    { what: 'two keys', head: request(upgradeLines()).replace('\r\n\r\n', '\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'), opens: answers(400) },
    { what: 'without a version', ...changed({ 'Sec-WebSocket-Version': undefined }), opens: heard => heard.status === 426 && heard.headers.get('sec-websocket-version') === '13' },
    { what: 'version 8', ...changed({ 'Sec-WebSocket-Version': '8' }), opens: heard => heard.status === 426 && heard.headers.get('sec-websocket-version') === '13' },
    { what: 'without Connection', ...changed({ Connection: undefined }), opens: answers(400, 426) },
    { what: 'without Host', ...changed({ Host: undefined }), opens: answers(400) },
    { what: 'without Upgrade', ...changed({ Upgrade: undefined }), opens: answers(426) },
    { what: 'POST', head: request(upgradeLines(), 'POST /echo HTTP/1.1'), opens: answers(405) },
    { what: 'HTTP/1.0', head: request(upgradeLines(), 'GET /echo HTTP/1.0'), opens: heard => heard.status >= 400 && heard.status < 600 },
    { what: 'another path', head: request(upgradeLines(), 'GET /nothing HTTP/1.1'), opens: answers(404) }
  ].map(one => ({ ...one, sends: [], says: [] }))
}
