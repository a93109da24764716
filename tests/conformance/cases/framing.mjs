// Messages of every size and form of length, whole and in every packet (RFC 6455, sections 5.2 and 5.6).
import { BINARY, binary, frame, TEXT, text } from '../lib/frame.mjs'

const SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 16383, 16384, 65534, 65535, 65536, 65537, 131072]
const kinds = [['text', TEXT, text, '*'], ['binary', BINARY, binary, '\xfe']]
const filled = (size, letter) => Buffer.alloc(size, letter, 'latin1')

const cases = []
for (const [kind, opcode, make, letter] of kinds) {
  for (const size of SIZES) {
    cases.push({ what: `${kind} of ${size} bytes`, sends: [make(filled(size, letter))], says: [[opcode, filled(size, letter)]] })
  }
  for (const size of [0, 1, 125, 126]) {
    const bytes = [...make(filled(size, letter))].map(byte => Buffer.from([byte]))
    cases.push({ what: `${kind} of ${size} bytes, each in a packet of its own`, sends: bytes, says: [[opcode, filled(size, letter)]] })
  }
  const big = filled(65536, letter)
  for (const chop of [997, 4096]) {
    const whole = make(big)
    const pieces = Array.from({ length: Math.ceil(whole.length / chop) }, (_, n) => whole.subarray(n * chop, (n + 1) * chop))
    cases.push({ what: `${kind} of 64 KiB in packets of ${chop} bytes`, sends: pieces, says: [[opcode, big]] })
  }
  cases.push({
    what: `twenty messages of ${kind} in one packet`,
    sends: [Buffer.concat(Array.from({ length: 20 }, (_, n) => make(filled(n, letter))))],
    says: Array.from({ length: 20 }, (_, n) => [opcode, filled(n, letter)])
  })
  // The shortest form is a must for the sender; that it is refused is the strict reading of section 5.2.
  for (const [size, form] of [[0, 2], [125, 2], [0, 8], [125, 8], [126, 8], [65535, 8]]) {
    cases.push({ what: `${kind} of ${size} bytes, its length in ${form} bytes`, sends: [make(filled(size, letter), { form })], ends: 1002 })
  }
  cases.push({ what: `${kind} without a mask`, sends: [make('unmasked', { masked: false })], ends: 1002 })
}
for (const key of [[0, 0, 0, 0], [255, 255, 255, 255], [1, 0, 0, 0], [0, 0, 0, 1]]) {
  cases.push({ what: `a mask of ${key}`, sends: [text('masked with care', { key })], says: [[TEXT, 'masked with care']] })
}
cases.push({ what: 'a 64-bit length with its top bit set', sends: [Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0])], ends: 1002 })
cases.push({ what: 'a message larger than the limit, by its declared length', sends: [frame(BINARY, '', { declared: 2 ** 40 })], ends: 1009 })
cases.push({ what: 'the largest length there is', sends: [frame(BINARY, '', { declared: 2n ** 63n - 1n })], ends: 1009 })
export default { name: 'framing', title: 'Framing: sizes, lengths, masks, packets', cases }
