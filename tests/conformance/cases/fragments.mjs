// Messages in several frames (RFC 6455, section 5.4), with control frames between them, and what breaks them.
import { BINARY, binary, close, fragments, frame, more, PONG, ping, pong, TEXT, text } from '../lib/frame.mjs'

const cases = []
for (const [kind, opcode] of [['text', TEXT], ['binary', BINARY]]) {
  for (const size of [1, 2, 3, 7]) {
    const message = 'one message in many frames'
    cases.push({ what: `${kind} in frames of ${size} bytes`, sends: [fragments(opcode, message, size)], says: [[opcode, message]] })
    const bytes = [...fragments(opcode, message, size)].map(byte => Buffer.from([byte]))
    cases.push({ what: `${kind} in frames of ${size} bytes, byte by byte`, sends: bytes, says: [[opcode, message]] })
  }
  const first = (payload, options) => frame(opcode, payload, { fin: false, ...options })
  cases.push({ what: `${kind} of two empty frames`, sends: [first(''), more('')], says: [[opcode, '']] })
  cases.push({ what: `${kind} of three empty frames`, sends: [first(''), more('', { fin: false }), more('')], says: [[opcode, '']] })
  cases.push({ what: `${kind} in the middle of three frames`, sends: [first(''), more('middle', { fin: false }), more('')], says: [[opcode, 'middle']] })
  cases.push({ what: `${kind} with a ping between its frames`, sends: [first('be'), ping('now'), more('gun')], says: [[PONG, 'now'], [opcode, 'begun']] })
  cases.push({
    what: `${kind} with pings and pongs between all its frames`,
    sends: [first('a'), ping('1'), more('b', { fin: false }), pong('?'), ping('2'), more('c', { fin: false }), ping('3'), more('d')],
    says: [[PONG, '1'], [PONG, '2'], [PONG, '3'], [opcode, 'abcd']]
  })
  cases.push({
    what: `${kind} with a ping between its frames, byte by byte`,
    sends: [...Buffer.concat([first('be'), ping('now'), more('gun')])].map(byte => Buffer.from([byte])),
    says: [[PONG, 'now'], [opcode, 'begun']]
  })
  cases.push({ what: `${kind} inside a fragmented message`, sends: [text('be', { fin: false }), frame(opcode, 'gun')], ends: 1002 })
  cases.push({ what: `${kind} that begins inside a fragmented message`, sends: [text('be', { fin: false }), first('gun')], ends: 1002 })
  cases.push({ what: `a Close between the frames of ${kind}`, sends: [first('be'), close(1000)], says: [], ends: 1000 })
  cases.push({ what: `two messages of ${kind}, both in frames`, sends: [first('a'), more('b'), first('c'), more('d')], says: [[opcode, 'ab'], [opcode, 'cd']] })
  cases.push({ what: `a thousand frames of ${kind}, a byte each`, sends: [fragments(opcode, 'k'.repeat(1000), 1)], says: [[opcode, 'k'.repeat(1000)]] })
}
for (const fin of [true, false]) {
  cases.push({ what: `a continuation ${fin ? 'that ends' : 'that does not end'} nothing`, sends: [more('nothing', { fin })], ends: 1002 })
  cases.push({ what: `a continuation ${fin ? 'that ends' : 'that does not end'} nothing, behind a message`, sends: [text('whole'), more('nothing', { fin })], says: [[TEXT, 'whole']], ends: 1002 })
  cases.push({ what: `a continuation behind the last one, FIN ${fin}`, sends: [text('a', { fin: false }), more('b'), more('c', { fin })], says: [[TEXT, 'ab']], ends: 1002 })
}
cases.push({ what: 'a ping in fragments', sends: [ping('a', { fin: false }), more('b')], ends: 1002 })
cases.push({ what: 'a ping in fragments inside a message', sends: [binary('a', { fin: false }), ping('a', { fin: false }), more('b')], ends: 1002 })
export default { name: 'fragments', title: 'Fragmentation', cases }
