// Writes fuzz/seeds/TARGET: a few small inputs for each target, from which fuzzing starts. `node fuzz/make-seeds.mjs`; writes the same each time.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { close, binary, fragments, frame, more, ping, pong, TEXT, text } from '../tests/conformance/lib/frame.mjs'
import { compress } from '../tests/conformance/lib/deflate.mjs'
import { request, upgradeLines } from '../tests/conformance/lib/peer.mjs'
import { awareness, syncStep1, syncStep2, update } from '../tests/clients/lib/raw.mjs'

const bytes = (...parts) => Buffer.concat(parts.map(part => typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part)))
const vectors = name => readFileSync(new URL(`../protocol/tests/vectors/${name}.txt`, import.meta.url), 'utf8').split('\n')
const merged = name => Buffer.from(vectors(name).find(line => line.startsWith('merged ')).split(' ')[1], 'hex')
const kinds = ['text', 'format', 'nested', 'deleted', 'gap', 'any-map', 'embed', 'surrogates']
const hello = Buffer.from('f248cdc9c90700', 'hex')
const rsv1 = { rsv: 4 }
const words = Buffer.alloc(600, 'one word after another, ')
const upgrade = changes => request({ ...upgradeLines(), ...changes }, 'GET /yjs/notes%2Fa?token=b HTTP/1.1')

const seeds = {
  update_accept: Object.fromEntries(kinds.map(name => [name, bytes(100, merged(name))])),
  update_merge_diff_compact_split: Object.fromEntries(kinds.map(name => [name, bytes(40, 1, 2, 64, merged(name))])),
  state_vector: { empty: bytes(0), one: bytes(1, 1, 5), two: bytes(2, 200, 1, 7, 3, 9) },
  sync_message: {
    'sync-step-1': syncStep1([0]), 'sync-step-2': syncStep2([0, 0]), update: update(merged('text')), awareness: awareness([[7, 1, '{"a":1}']]),
    query: bytes(3), denied: bytes(2, 0, 2, 'no')
  },
  awareness: {
    none: bytes(0), one: bytes(1, 7, 1, 7, '{"a":1}'), gone: bytes(1, 7, 2, 4, 'null'), two: bytes(2, 1, 1, 2, '{}', 130, 1, 3, 13, '{"k":[1,"x"]}')
  },
  http_request: {
    upgrade: upgrade({}), offers: upgrade({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits', 'Sec-WebSocket-Protocol': 'bearer, a.b.c' }),
    health: 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n', absolute: 'GET http://a/yjs/b HTTP/1.1\r\nHost: a\r\n\r\n', post: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx'
  },
  websocket_reader: {
    messages: bytes(0, 3, text('Hello'), binary(Buffer.alloc(130))), fragments: bytes(0, 5, fragments(TEXT, 'κόσμε', 3)), client: bytes(1, 1, frame(1, 'Hello', { masked: false })),
    control: bytes(4, 9, text('be', { fin: false }), ping('now'), more('gun'), pong('')), close: bytes(0, 255, close(1000, 'bye')), wrong: bytes(0, 2, text(Buffer.from([0xc3, 0x28])))
  },
  websocket_reader_deflate: {
    hello: bytes(0, 3, text(hello, rsv1)), mixed: bytes(0, 7, text('plain'), binary(compress(words), rsv1), text(hello, rsv1)),
    fragments: bytes(0, 2, text(hello.subarray(0, 3), { ...rsv1, fin: false }), ping(''), more(hello.subarray(3))), bomb: bytes(1, 50, binary(compress(Buffer.alloc(5000)), rsv1)),
    continuation: bytes(0, 9, text('be', { fin: false }), more('gun', rsv1)), broken: bytes(0, 1, binary('not compressed', rsv1)), close: bytes(2, 90, text(hello, rsv1), close(1000))
  },
  deflate_offer: {
    bare: 'permessage-deflate', chromium: 'permessage-deflate; client_max_window_bits', windows: 'permessage-deflate; server_max_window_bits=10; client_max_window_bits=9',
    second: 'x-unknown; a="b", permessage-deflate; server_max_window_bits=8, permessage-deflate; server_no_context_takeover; client_no_context_takeover', quoted: 'permessage-deflate; server_max_window_bits="12"'
  },
  deflate_inflate: {
    hello: bytes(1, 3, hello), stored: bytes(0, 2, Buffer.from('000500faff48656c6c6f00', 'hex')), final: bytes(0, 0, Buffer.from('f348cdc9c9070000', 'hex')), streams: bytes(0, 4, Buffer.from('03000300030000', 'hex')),
    words: bytes(0, 90, compress(words)), narrow: bytes(4, 60, compress(words, { bits: 9 })), bomb: bytes(2, 99, compress(Buffer.alloc(5000))), text: bytes(1, 200, words), noise: bytes(0, 255, Buffer.from(Array.from({ length: 300 }, (_, n) => (n * n * 7 + n * 31) >> 3 & 255)))
  }
}

const root = new URL('seeds/', import.meta.url)
for (const [target, inputs] of Object.entries(seeds)) {
  const folder = new URL(`${target}/`, root)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, input] of Object.entries(inputs)) writeFileSync(new URL(name, folder), input)
}
