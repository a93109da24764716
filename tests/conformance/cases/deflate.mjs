// Compressed messages (RFC 7692, sections 6 and 7.2): the examples of the RFC, messages of every size and kind however they were compressed,
// fragments, bits where they may not be, what is not DEFLATE data, and bombs.
import { constants } from 'node:zlib'
import { BINARY, binary, close, fragments, frame, more, PONG, ping, TEXT, text } from '../lib/frame.mjs'
import { compress } from '../lib/deflate.mjs'

const RSV1 = { rsv: 4 }
const hex = string => Buffer.from(string.replaceAll(' ', ''), 'hex')
const cases = []
const hello = hex('f2 48 cd c9 c9 07 00')
const words = 'the quick brown fox jumps over the lazy dog and writes κόσμε into a document '
const prose = size => { const all = Buffer.alloc(size, words.repeat(3)); return all }
const ascii = size => Buffer.alloc(size, 'the quick brown fox jumps over the lazy dog. ')
let state = 0x9e3779b9
const noise = size => Buffer.from(Array.from({ length: size }, () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state >>> 24 }))
const json = size => Buffer.from(JSON.stringify(Array.from({ length: Math.ceil(size / 50) }, (_, id) => ({ id, name: `user ${id}`, cursor: { at: id * 7 } })))).subarray(0, size)

for (const [what, payload] of [
  ['one block', hello], ['a block with no compression', hex('00 05 00 fa ff 48 65 6c 6c 6f 00')], ['a final block', hex('f3 48 cd c9 c9 07 00 00')],
  ['two blocks', hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')], ['a final block and nothing behind it', hex('f3 48 cd c9 c9 07 00')]
]) {
  cases.push({ what: `"Hello" as in the RFC: ${what}`, sends: [text(payload, RSV1)], says: [[TEXT, 'Hello']] })
  cases.push({ what: `"Hello" as in the RFC: ${what}, byte by byte`, sends: [...text(payload, RSV1)].map(byte => Buffer.from([byte])), says: [[TEXT, 'Hello']] })
  cases.push({ what: `"Hello" as in the RFC: ${what}, in frames of 3 bytes`, sends: [fragments(TEXT, payload, 3, RSV1)], says: [[TEXT, 'Hello']] })
}
cases.push({ what: 'an empty message', sends: [text(hex('00'), RSV1)], says: [[TEXT, '']] })
cases.push({ what: 'an empty message that ends in an empty frame', sends: [text(hex('00'), { ...RSV1, fin: false }), more('')], says: [[TEXT, '']] })

const SIZES = [0, 1, 16, 64, 256, 1023, 1024, 1025, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 1 << 20]
for (const size of SIZES) {
  cases.push({ what: `text of ${size} bytes`, sends: () => [text(compress(ascii(size)), RSV1)], says: () => [[TEXT, ascii(size)]], compressed: size >= 1024 })
  cases.push({ what: `binary of ${size} bytes`, sends: () => [binary(compress(prose(size)), RSV1)], says: () => [[BINARY, prose(size)]], compressed: size >= 1024 })
  const random = noise(size)
  cases.push({ what: `noise of ${size} bytes, which does not get smaller`, sends: () => [binary(compress(random), RSV1)], says: () => [[BINARY, random]], compressed: false })
  cases.push({ what: `text of ${size} bytes, not compressed although it may be`, sends: () => [text(ascii(size))], says: () => [[TEXT, ascii(size)]], compressed: size >= 1024 })
}
for (const level of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
  cases.push({ what: `level ${level}`, sends: () => [binary(compress(json(50_000), { level }), RSV1)], says: () => [[BINARY, json(50_000)]] })
}
for (const bits of [9, 10, 11, 12, 13, 14, 15]) {
  cases.push({ what: `a window of ${bits} bits`, sends: () => [binary(compress(json(100_000), { bits }), RSV1)], says: () => [[BINARY, json(100_000)]] })
  cases.push({
    what: `a window of ${bits} bits for what the server compresses, with repetitions at every distance`,
    offer: `permessage-deflate; server_max_window_bits=${bits}`,
    // At twice the distance of the window there is a repetition that the server must not use.
    sends: () => [binary(Buffer.concat([noiseOf(bits), noiseOf(bits), ascii(1 << bits), noiseOf(bits)]))],
    says: () => [[BINARY, Buffer.concat([noiseOf(bits), noiseOf(bits), ascii(1 << bits), noiseOf(bits)])]]
  })
}
const noises = new Map()
const noiseOf = bits => { if (!noises.has(bits)) noises.set(bits, noise((1 << bits) - 100)); return noises.get(bits) }
for (const [name, strategy] of [['Huffman only', constants.Z_HUFFMAN_ONLY], ['run lengths', constants.Z_RLE], ['fixed codes', constants.Z_FIXED], ['filtered', constants.Z_FILTERED]]) {
  cases.push({ what: name, sends: () => [binary(compress(json(50_000), { strategy }), RSV1)], says: () => [[BINARY, json(50_000)]] })
}
for (const size of [1, 7, 64, 1000, 4096]) {
  const payload = compress(json(20_000))
  cases.push({ what: `in frames of ${size} bytes`, sends: () => [fragments(BINARY, payload, size, RSV1)], says: () => [[BINARY, json(20_000)]] })
  cases.push({ what: `in packets of ${size} bytes`, sends: () => { const whole = binary(payload, RSV1); return Array.from({ length: Math.ceil(whole.length / size) }, (_, n) => whole.subarray(n * size, (n + 1) * size)) }, says: () => [[BINARY, json(20_000)]] })
}
cases.push({ what: 'with a ping between its frames', sends: [text(hello.subarray(0, 3), { ...RSV1, fin: false }), ping('now'), more(hello.subarray(3))], says: [[PONG, 'now'], [TEXT, 'Hello']] })
cases.push({ what: 'compressed and plain messages in turn', sends: [text(hello, RSV1), text('plain'), text(hello, RSV1), binary('plain')], says: [[TEXT, 'Hello'], [TEXT, 'plain'], [TEXT, 'Hello'], [BINARY, 'plain']] })
cases.push({ what: 'a hundred in one packet', sends: () => [Buffer.concat(Array(100).fill(binary(compress(json(2000)), RSV1)))], says: () => Array(100).fill([BINARY, json(2000)]) })
cases.push({ what: 'noise and text in turn, of sizes that no buffer has', sends: () => mixed().map(one => binary(one)), says: () => mixed().map(one => [BINARY, one]) })
const mixture = []
const mixed = () => { if (mixture.length === 0) for (const size of [70_001, 200_003, 66_000, 131_073, 300_007]) mixture.push(noise(size), ascii(size), Buffer.concat([noise(size), ascii(size)])); return mixture }
cases.push({ what: 'nothing is remembered: a reference to the message before', sends: [text(hello, RSV1), text(hex('f2 00 11 00 00'), RSV1)], says: [[TEXT, 'Hello']], ends: 1007 })
cases.push({ what: 'a Close between its frames', sends: [text(hello.subarray(0, 3), { ...RSV1, fin: false }), close(1000)], says: [], ends: 1000 })

for (const [name, sends] of [
  ['a continuation', [text(hello.subarray(0, 3), { ...RSV1, fin: false }), more(hello.subarray(3), RSV1)]],
  ['a continuation of a plain message', [text('be', { fin: false }), more('gun', RSV1)]],
  ['a Ping', [ping('', RSV1)]], ['a Pong', [frame(10, '', RSV1)]], ['a Close', [frame(8, '', RSV1)]]
]) cases.push({ what: `the bit of compression on ${name}`, sends, ends: 1002 })
for (const rsv of [5, 6, 7]) cases.push({ what: `bits ${rsv} on a compressed message`, sends: [text(hello, { rsv })], ends: 1002 })

for (const [what, payload] of [
  ['nothing at all', ''], ['a block of the reserved type', '07'], ['no code tables', 'ff ff ff ff'], ['a block that is not flushed', 'f2 48 cd c9 c9 07'], ['cut in a block', 'f2 48 cd'],
  ['cut in a block with no compression', '00 05 00 fa ff'], ['a wrong complement of a length', '00 05 00 fb ff 48 65 6c 6c 6f 00'], ['a distance beyond the start', '4b 04 32 00'],
  ['garbage behind a final block', 'f3 48 cd c9 c9 07 00 ff'], ['plain text', Buffer.from('this is not compressed').toString('hex')], ['a zlib header', '78 9c f2 48 cd c9 c9 07 00'], ['a gzip header', '1f 8b 08 00 00 00 00 00']
]) {
  cases.push({ what: `not DEFLATE data: ${what}`, sends: [binary(hex(payload), RSV1)], ends: [1007, 1002] })
  cases.push({ what: `not DEFLATE data: ${what}, behind a message`, sends: [text(hello, RSV1), text(hex(payload), RSV1)], says: [[TEXT, 'Hello']], ends: [1007, 1002] })
}
for (const bytes of ['ff', 'c3 28', 'ed a0 80', 'f4 90 80 80', 'c3']) {
  cases.push({ what: `text that is not UTF-8 (${bytes})`, sends: () => [text(compress(Buffer.concat([ascii(100), hex(bytes)])), RSV1)], ends: 1007 })
  cases.push({ what: `text that is not UTF-8 (${bytes}) far within`, sends: () => [text(compress(Buffer.concat([ascii(100_000), hex(bytes), Buffer.from([0]), ascii(100_000)])), RSV1)], ends: 1007 })
  cases.push({ what: `nothing wrong with ${bytes} in binary`, sends: () => [binary(compress(hex(bytes)), RSV1)], says: () => [[BINARY, hex(bytes)]] })
}
cases.push({ what: 'text in Greek, cut within letters', sends: () => [fragments(TEXT, compress(Buffer.from('κόσμε'.repeat(500))), 5, RSV1)], says: () => [[TEXT, 'κόσμε'.repeat(500)]] })

const LIMIT = 64 << 20
const zeros = new Map()
const bomb = size => { if (!zeros.has(size)) zeros.set(size, compress(Buffer.alloc(size), { level: 9 })); return zeros.get(size) }
cases.push({ what: 'a bomb of a byte more than the limit', sends: () => [binary(bomb(LIMIT + 1), RSV1)], ends: 1009 })
cases.push({ what: 'a bomb of twice the limit, in frames', sends: () => [fragments(BINARY, bomb(2 * LIMIT), 4096, RSV1)], ends: 1009 })
cases.push({ what: 'a bomb of text', sends: () => [text(bomb(2 * LIMIT), RSV1)], ends: 1009 })
cases.push({ what: 'a bomb behind messages that are answered', sends: () => [text(hello, RSV1), binary(bomb(2 * LIMIT), RSV1)], says: [[TEXT, 'Hello']], ends: 1009 })
cases.push({ what: 'a thousand streams that end', sends: [binary(Buffer.alloc(2000, hex('0300')), RSV1)], ends: [1007, 1002] })
cases.push({ what: 'a compressed frame that declares more than the limit', sends: [binary('', { ...RSV1, declared: LIMIT + 1 })], ends: 1009 })

export default { name: 'deflate', title: 'permessage-deflate: messages', compression: true, offer: 'permessage-deflate; client_max_window_bits', cases }
