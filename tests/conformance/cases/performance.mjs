// Large messages, many fragments, many messages (after sections 9 and 10 of the usual suites). What comes back is asserted, not when.
import { BINARY, fragments, frame, TEXT } from '../lib/frame.mjs'

const MIB = 1 << 20
const cases = []
const kinds = [['text', TEXT, '*'], ['binary', BINARY, '\xfe']]
const filled = (size, letter) => Buffer.alloc(size, letter, 'latin1')
for (const [kind, opcode, letter] of kinds) {
  for (const size of [64 << 10, 256 << 10, MIB, 4 * MIB, 16 * MIB]) {
    cases.push({ what: `${kind} of ${size >> 10} KiB in one frame`, sends: () => [frame(opcode, filled(size, letter))], says: () => [[opcode, filled(size, letter)]] })
  }
  for (const size of [64, 256, 1024, 4096, 16384, 65536, 262144, MIB]) {
    cases.push({ what: `${kind} of 1 MiB in frames of ${size} bytes`, sends: () => [fragments(opcode, filled(MIB, letter), size)], says: () => [[opcode, filled(MIB, letter)]] })
  }
  for (const chop of [64, 256, 1024, 2048]) {
    cases.push({
      what: `${kind} of 128 KiB in one frame and packets of ${chop} bytes`,
      sends: () => {
        const whole = frame(opcode, filled(128 << 10, letter))
        return Array.from({ length: Math.ceil(whole.length / chop) }, (_, n) => whole.subarray(n * chop, (n + 1) * chop))
      },
      says: () => [[opcode, filled(128 << 10, letter)]]
    })
  }
  for (const size of [0, 16, 64, 256, 1024, 4096, 16384]) {
    cases.push({
      what: `500 messages of ${kind} of ${size} bytes`,
      sends: () => [Buffer.concat(Array(500).fill(frame(opcode, filled(size, letter))))],
      says: () => Array(500).fill([opcode, filled(size, letter)])
    })
  }
}
cases.push({ what: 'text of 64 KiB in frames of 1300 bytes, as a segment holds', sends: [fragments(TEXT, filled(65536, '*'), 1300)], says: [[TEXT, filled(65536, '*')]] })
export default { name: 'performance', title: 'Large messages, many frames, many messages', cases }
