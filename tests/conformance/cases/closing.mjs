// The closing handshake (RFC 6455, sections 5.5.1, 7.1 and 7.4).
import { close, CLOSE, closing, frame, more, ping, TEXT, text } from '../lib/frame.mjs'

const cases = []
const ended = 1005
cases.push({ what: 'a Close without a payload', sends: [frame(CLOSE, '')], ends: ended })
cases.push({ what: 'a Close with half a code', sends: [frame(CLOSE, 'x')], ends: 1002 })
cases.push({ what: 'a Close, each byte in a packet of its own', sends: [...close(1000, 'bye')].map(byte => Buffer.from([byte])), ends: 1000 })
cases.push({ what: 'a Close with the longest reason', sends: [close(1000, 'r'.repeat(123))], ends: 1000 })
cases.push({ what: 'a Close with a reason that is too long', sends: [frame(CLOSE, closing(1000, 'r'.repeat(124)))], ends: 1002 })
cases.push({ what: 'a Close with a reason in Greek', sends: [close(1000, 'κόσμε')], ends: 1000 })
cases.push({ what: 'two Closes: one answer', sends: [close(1000), close(1001)], says: [], ends: 1000 })
cases.push({ what: 'a message behind a Close', sends: [close(1000), text('late')], says: [], ends: 1000 })
cases.push({ what: 'a ping behind a Close', sends: [close(1000), ping('late')], says: [], ends: 1000 })
cases.push({ what: 'garbage behind a Close', sends: [close(1000), Buffer.alloc(1000, 0xff)], says: [], ends: 1000 })
cases.push({ what: 'a message, then a Close, in one packet', sends: [Buffer.concat([text('last words'), close(1000)])], says: [[TEXT, 'last words']], ends: 1000 })
cases.push({ what: 'a Close and the end of a message that it interrupts', sends: [text('a', { fin: false }), close(1000), more('b')], says: [], ends: 1000 })
cases.push({ what: '256 KiB of text, then a Close', sends: [text(Buffer.alloc(262144, 'a')), close(1000)], says: [[TEXT, Buffer.alloc(262144, 'a')]], ends: 1000 })
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
  cases.push({ what: `code ${code}`, sends: [close(code)], ends: code === 1010 ? [1010, 1000, ended] : code })
  cases.push({ what: `code ${code} with a reason`, sends: [close(code, 'because')], ends: code === 1010 ? [1010, 1000, ended] : code })
}
// Registered with IANA after the RFC.
for (const code of [1012, 1013, 1014]) cases.push({ what: `code ${code}`, sends: [close(code)], ends: code })
for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999]) {
  cases.push({ what: `code ${code}, which nobody may send`, sends: [close(code)], ends: 1002 })
  cases.push({ what: `code ${code}, which nobody may send, with a reason`, sends: [close(code, 'because')], ends: 1002 })
}
// Section 7.4.2 ends at 4999 and says nothing of what is above.
for (const code of [5000, 65535]) cases.push({ what: `code ${code}, of which the standard says nothing`, sends: [close(code)], open: true })
export default { name: 'closing', title: 'The closing handshake', cases }
