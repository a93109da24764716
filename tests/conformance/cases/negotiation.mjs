// permessage-deflate offered in every way (RFC 7692, section 7.1): taken as it is offered, or declined and the next looked at.
import { TEXT } from '../lib/frame.mjs'
import { agreement, request, upgradeLines } from '../lib/peer.mjs'

const offered = (what, offer, window) => ({
  what: `${what}: ${offer}`,
  head: request({ ...upgradeLines(), 'Sec-WebSocket-Extensions': offer }),
  opens: heard => {
    const agreed = agreement(heard)
    if (heard.status !== 101 || window === false) return heard.status === 101 && agreed === undefined
    const parameters = ['server_no_context_takeover', 'client_no_context_takeover', ...(window ? ['server_max_window_bits'] : [])]
    return agreed?.name === 'permessage-deflate' && agreed.parameters.get('server_max_window_bits') === (window ? String(window) : undefined) &&
      agreed.parameters.size === parameters.length && parameters.every(parameter => agreed.parameters.has(parameter))
  },
  large: true
})
const name = 'permessage-deflate'
const taken = [
  offered('alone', name),
  offered('as Chromium does', `${name}; client_max_window_bits`),
  offered('as Firefox does', name),
  offered('as Safari does', name),
  offered('as ws does', `${name}; client_max_window_bits; server_no_context_takeover`),
  offered('without spaces', `${name};client_max_window_bits;server_no_context_takeover;client_no_context_takeover`),
  offered('with tabs', `${name}\t;\tclient_max_window_bits\t=\t10`),
  offered('behind another extension', `x-unknown; a=1, ${name}`),
  offered('before another extension', `${name}, x-unknown`),
  offered('behind its older form', `x-webkit-deflate-frame, ${name}; client_max_window_bits`),
  ...[8, 9, 10, 11, 12, 13, 14, 15].map(bits => offered('a window of the client', `${name}; client_max_window_bits=${bits}`)),
  ...[9, 10, 11, 12, 13, 14, 15].map(bits => offered('a window of the server', `${name}; server_max_window_bits=${bits}`, bits)),
  offered('in quotes', `${name}; server_max_window_bits="12"`, 12),
  offered('everything', `${name}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9`, 10),
  offered('the second', `${name}; server_max_window_bits=8, ${name}; server_max_window_bits=11`, 11),
  offered('the third', `${name}; unknown, ${name}; server_max_window_bits=16, ${name}`),
  offered('the first of two that can be taken', `${name}; server_max_window_bits=9, ${name}`, 9)
]
const declined = [
  'server_no_context_takeover=1', 'server_no_context_takeover="true"', 'client_no_context_takeover=0', 'server_no_context_takeover; server_no_context_takeover',
  'client_no_context_takeover; client_no_context_takeover', 'client_max_window_bits; client_max_window_bits', 'client_max_window_bits=9; client_max_window_bits=9',
  'server_max_window_bits=9; server_max_window_bits=10', 'server_max_window_bits', 'server_max_window_bits=', 'server_max_window_bits=0', 'server_max_window_bits=7',
  'server_max_window_bits=8', 'server_max_window_bits=16', 'server_max_window_bits=15.0', 'server_max_window_bits=-9', 'server_max_window_bits=09', 'server_max_window_bits=1 0',
  'server_max_window_bits=9a', 'server_max_window_bits=99999999999999999999', 'server_max_window_bits="9', 'client_max_window_bits=7', 'client_max_window_bits=16',
  'client_max_window_bits=08', 'client_max_window_bits=""', 'unknown', 'unknown=1', 'Server_No_Context_Takeover', ';', '=', ''
].map(parameters => offered('declined', `${name}; ${parameters}`, false))
const others = ['', 'x-webkit-deflate-frame', 'permessage-deflated', 'permessage-bzip2', 'deflate-frame', 'permessage_deflate', `"${name}"`, `x=${name}`]
  .map(offer => offered('nothing that is known', offer, false))
export default {
  name: 'negotiation',
  title: 'permessage-deflate: negotiation',
  compression: true,
  // In whatever was agreed on, or without: a message comes back.
  cases: [...taken, ...declined, ...others].map(one => ({ ...one, sends: 'a large text', says: 'a large text', opcode: TEXT }))
}
