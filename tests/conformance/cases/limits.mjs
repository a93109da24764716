// What one connection may make the server hold: /echo takes messages of 64 MiB in 2^20 frames, and says 1009 to more.
import { BINARY, frame, more, TEXT } from '../lib/frame.mjs'

const LIMIT = 64 << 20
const cases = [
  { what: 'a frame that declares a byte more than the limit', sends: [frame(BINARY, '', { declared: LIMIT + 1 })], ends: 1009 },
  { what: 'a text frame that declares a byte more than the limit', sends: [frame(TEXT, '', { declared: LIMIT + 1 })], ends: 1009 },
  { what: 'fragments that are too much together', sends: [frame(BINARY, Buffer.alloc(1000), { fin: false }), more('', { declared: LIMIT - 999 })], ends: 1009 },
  { what: 'a last fragment of the largest length', sends: [frame(BINARY, 'x', { fin: false }), more('', { declared: 2n ** 63n - 1n })], ends: 1009 },
  {
    what: 'more empty fragments than the limit',
    sends: () => [frame(BINARY, '', { fin: false }), Buffer.concat(Array((1 << 20) + 1).fill(more('', { fin: false })))],
    ends: 1009
  }
]
export default { name: 'limits', title: 'Limits', cases }
