// Pings and Pongs (RFC 6455, sections 5.5.2 and 5.5.3), and what no control frame may be.
import { CLOSE, frame, PING, ping, PONG, pong, text, TEXT } from '../lib/frame.mjs'

const cases = []
for (const payload of ['', 'x', 'Hello', '\x00\xff\xfe\xfd\xfc\xfb\x00\xff', 'p'.repeat(124), 'p'.repeat(125)]) {
  const bytes = Buffer.from(payload, 'latin1')
  cases.push({ what: `a ping with ${bytes.length} bytes`, sends: [ping(bytes)], says: [[PONG, bytes]] })
}
cases.push({ what: 'a ping, each byte in a packet of its own', sends: [...ping('p'.repeat(125))].map(byte => Buffer.from([byte])), says: [[PONG, 'p'.repeat(125)]] })
cases.push({
  what: 'ten pings with payloads',
  sends: Array.from({ length: 10 }, (_, n) => ping(`payload ${n}`)),
  says: Array.from({ length: 10 }, (_, n) => [PONG, `payload ${n}`])
})
cases.push({
  what: 'ten pings in one packet',
  sends: [Buffer.concat(Array.from({ length: 10 }, (_, n) => ping(`payload ${n}`)))],
  says: Array.from({ length: 10 }, (_, n) => [PONG, `payload ${n}`])
})
cases.push({ what: 'a pong that nobody asked for', sends: [pong('')], says: [] })
cases.push({ what: 'a pong with a payload that nobody asked for', sends: [pong('unsolicited')], says: [] })
cases.push({ what: 'a pong, then a ping', sends: [pong('unsolicited'), ping('asked')], says: [[PONG, 'asked']] })
cases.push({ what: 'a ping between two messages', sends: [text('one'), ping('two'), text('three')], says: [[TEXT, 'one'], [PONG, 'two'], [TEXT, 'three']] })
cases.push({
  what: 'a thousand pings at once: the last one is answered (section 5.5.3)',
  sends: [Buffer.concat(Array.from({ length: 1000 }, (_, n) => ping(`${n}`)))],
  judge: said => said.at(-2)?.opcode === PONG && said.at(-2).payload.toString() === '999' && said.slice(0, -1).every(({ opcode }) => opcode === PONG)
})
for (const [name, opcode] of [['Close', CLOSE], ['Ping', PING], ['Pong', PONG]]) {
  cases.push({ what: `a ${name} of 126 bytes`, sends: [frame(opcode, Buffer.alloc(126))], ends: 1002 })
  cases.push({ what: `a ${name} of 65536 bytes, of which only the header has come`, sends: [frame(opcode, '', { declared: 65536 })], ends: 1002 })
  cases.push({ what: `a ${name} without FIN`, sends: [frame(opcode, '', { fin: false })], ends: 1002 })
  cases.push({ what: `a ${name} without a mask`, sends: [frame(opcode, '', { masked: false })], ends: 1002 })
  cases.push({ what: `a ${name} with its length in two bytes`, sends: [frame(opcode, 'ab', { form: 2 })], ends: 1002 })
}
export default { name: 'control', title: 'Pings, Pongs and the shape of control frames', cases }
