// Text is UTF-8 (RFC 6455, section 8.1; RFC 3629), and what is not is refused at its first wrong byte, before its frame has ended.
import { BINARY, binary, close, frame, fragments, more, TEXT, text } from '../lib/frame.mjs'

const cases = []
const hex = string => Buffer.from(string.replaceAll(' ', ''), 'hex')

const valid = {
  'two bytes': 'c3a4', 'three bytes': 'e282ac', 'four bytes': 'f09f9880', 'Greek': 'cebae1bdb9cf83cebcceb5',
  'the first of each length': '00 c280 e0a080 f0908080', 'the last of each length': '7f dfbf efbfbf f48fbfbf',
  'around the surrogates': 'ed9fbf ee8080 efbfbd', 'noncharacters': 'efbfbe efbfbf efb790 efb7af f09fbfbe f48fbfbf',
  'a byte order mark': 'efbbbf 61', 'a joined family': 'f09f91a8e2808df09f91a9e2808df09f91a6'
}
for (const [name, bytes] of Object.entries(valid)) {
  const message = hex(bytes)
  cases.push({ what: `${name}: whole`, sends: [text(message)], says: [[TEXT, message]] })
  cases.push({ what: `${name}: a byte in each frame`, sends: [fragments(TEXT, message, 1)], says: [[TEXT, message]] })
  cases.push({ what: `${name}: in packets of a byte`, sends: [...text(message)].map(byte => Buffer.from([byte])), says: [[TEXT, message]] })
}

// What stands before the last byte is legal so far; the last byte cannot be there. Lone surrogates, overlong forms and what is beyond U+10FFFF too.
const wrong = {
  'a continuation alone': '80', 'the last continuation alone': 'bf', 'continuations alone': '61 80',
  'an overlong slash in two': 'c0', 'an overlong DEL in two': 'c1', 'an overlong slash in three': 'e0 80', 'the largest overlong in three': 'e0 9f',
  'an overlong slash in four': 'f0 80', 'the largest overlong in four': 'f0 8f', 'five bytes': 'f8', 'six bytes': 'fc', 'FE': 'fe', 'FF': 'ff',
  'the first surrogate': 'ed a0', 'the last surrogate': 'ed bf', 'beyond U+10FFFF': 'f4 90', 'far beyond': 'f5', 'farther beyond': 'f7',
  'a letter instead of the second byte': 'c3 28', 'a letter instead of the third byte': 'e2 82 28', 'a letter instead of the fourth byte': 'f0 9f 98 28',
  'a start instead of a continuation': 'c3 c3', 'in the middle of Greek': 'ceba e1bdb9 cf83 cebc ceb5 ed a0'
}
for (const [name, bytes] of Object.entries(wrong)) {
  const message = hex(bytes)
  const behind = Buffer.concat([message, Buffer.from('and more')])
  cases.push({ what: `${name}: whole`, sends: [text(behind)], ends: 1007 })
  cases.push({ what: `${name}: in the second frame`, sends: [text('legal ', { fin: false }), more(behind)], ends: 1007 })
  cases.push({ what: `${name}: a byte in each frame`, sends: [fragments(TEXT, behind, 1)], ends: 1007 })
  // Nothing follows: who waits for the rest of the frame waits forever.
  const cut = text(Buffer.concat([message, Buffer.alloc(1000)])).subarray(0, -1000)
  cases.push({ what: `${name}: refused though the frame has not ended`, sends: [cut], ends: 1007 })
  cases.push({ what: `${name}: refused though the message has not ended`, sends: [frame(TEXT, message, { fin: false })], ends: 1007 })
  cases.push({ what: `${name}: in packets of a byte, the frame not ended`, sends: [...cut].map(byte => Buffer.from([byte])), ends: 1007 })
  cases.push({ what: `${name}: nothing wrong in binary`, sends: [binary(behind)], says: [[BINARY, behind]] })
}
for (const bytes of ['c3', 'e2', 'e2 82', 'f0', 'f0 9f', 'f0 9f 98']) {
  cases.push({ what: `text that ends within ${bytes}`, sends: [text(hex(bytes))], ends: 1007 })
  cases.push({ what: `text whose last frame ends within ${bytes}`, sends: [text('legal', { fin: false }), more(hex(bytes))], ends: 1007 })
}
const long = Buffer.from('κόσμε€😀 '.repeat(8000))
cases.push({ what: 'much of it, in frames of 997 bytes', sends: [fragments(TEXT, long, 997)], says: [[TEXT, long]] })
const spoilt = Buffer.from(long)
spoilt[spoilt.length - 1] = 0xff
cases.push({ what: 'much of it, wrong in the last byte', sends: [fragments(TEXT, spoilt, 997)], ends: 1007 })
cases.push({ what: 'a Close whose reason is not UTF-8', sends: [close(1000, hex('ceba e1bdb9 eda080'))], ends: 1007 })
export default { name: 'utf8', title: 'UTF-8, refused at the first wrong byte', cases }
