// Reserved bits and reserved opcodes (RFC 6455, section 5.2), alone, behind a message, within one, and in pieces.
import { BINARY, binary, CLOSE, close, frame, more, PING, ping, PONG, TEXT, text } from '../lib/frame.mjs'

const cases = []
const named = [['text', TEXT], ['binary', BINARY], ['Close', CLOSE], ['Ping', PING], ['Pong', PONG]]
for (let rsv = 1; rsv < 8; rsv++) {
  for (const [name, opcode] of named) {
    // RSV1 alone has a meaning on a message where compression was agreed on.
    if (rsv === 4 && (opcode === TEXT || opcode === BINARY)) continue
    const payload = opcode === CLOSE ? close(1000).subarray(6) : 'x'
    cases.push({ what: `${name} with reserved bits ${rsv}`, sends: [frame(opcode, payload, { rsv })], ends: 1002 })
  }
  cases.push({ what: `a continuation with reserved bits ${rsv}`, sends: [text('be', { fin: false }), more('gun', { rsv })], ends: 1002 })
}
for (const [name, opcode] of [['text', TEXT], ['binary', BINARY]]) {
  cases.push({ what: `${name} with RSV1 where no extension was agreed on`, plain: true, sends: [frame(opcode, 'x', { rsv: 4 })], ends: 1002 })
}
cases.push({ what: 'a message before one with reserved bits is answered', sends: [text('before'), text('x', { rsv: 3 }), text('after')], says: [[TEXT, 'before']], ends: 1002 })
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  cases.push({ what: `opcode ${opcode}`, sends: [frame(opcode, '')], ends: 1002 })
  cases.push({ what: `opcode ${opcode} with a payload, behind a message and before a ping`, sends: [text('before'), frame(opcode, 'x'), ping('')], says: [[TEXT, 'before']], ends: 1002 })
  cases.push({ what: `opcode ${opcode} within a message`, sends: [binary('be', { fin: false }), frame(opcode, 'x')], ends: 1002 })
}
cases.push({ what: 'the first byte alone is enough to refuse', sends: [Buffer.from([0x83])], ends: 1002 })
export default { name: 'reserved', title: 'Reserved bits and opcodes', cases }
