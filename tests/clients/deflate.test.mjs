// Compressed connections of unmodified npm clients (`ws` offers permessage-deflate by itself), beside plain ones, on the same documents.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { converged, provider, synced, until } from './lib/clients.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'

class Plain extends WebSocket {
  constructor (url, protocols) { super(url, protocols, { perMessageDeflate: false }) }
}

const WORDS = 'the of and document to a in that is was for on with as by at paragraph from which sentence this editing has together been'.split(' ')
const prose = (random, bytes) => {
  let text = ''
  while (text.length < bytes) text += random.pick(WORDS) + ' '
  return text
}
const extensions = one => one.ws.extensions
const received = one => one.ws._socket.bytesRead
const read = doc => doc.getText('text').toString()

for (const driver of drivers) {
  test(`${driver}: clients with and without compression edit one document`, { timeout: 120_000 }, async t => {
    const random = randomFrom(seedOf(t))
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 3, compression: true })
    const clients = Array.from({ length: 6 }, (_, n) => provider(t, server.url, 'mixed', n % 2 ? { WebSocketPolyfill: Plain } : {}))
    await synced(...clients)
    clients.forEach((one, n) => assert.equal(extensions(one), n % 2 ? '' : 'permessage-deflate'))
    for (let round = 0; round < 40; round++) {
      for (const one of clients) {
        const text = one.doc.getText('text')
        const at = random.below(text.length + 1)
        if (random.chance(1, 5)) text.delete(at, Math.min(text.length - at, random.below(2000)))
        else text.insert(at, prose(random, random.pick([1, 10, 1_500, 40_000])))
      }
      // So that turns end between the rounds.
      await new Promise(resolve => setImmediate(resolve))
    }
    await converged(clients.map(one => one.doc), read)
    const late = provider(t, server.url, 'mixed')
    await synced(late)
    await converged([clients[0].doc, late.doc], read)
    assert.ok(received(late) < read(late.doc).length / 1.3, `${received(late)} bytes for ${read(late.doc).length} letters`)
  })

  test(`${driver}: a fan-out of text costs its receivers less`, { timeout: 120_000 }, async t => {
    const RECEIVERS = 20
    const bytes = {}
    for (const [name, options] of [['compressed', {}], ['plain', { WebSocketPolyfill: Plain }]]) {
      const random = randomFrom(1)
      const server = await start(t, { driver, dataDir: dataFolder(t), shards: 1, compression: true })
      const writer = provider(t, server.url, 'fan-out')
      const readers = Array.from({ length: RECEIVERS }, () => provider(t, server.url, 'fan-out', options))
      await synced(writer, ...readers)
      const before = readers.reduce((sum, one) => sum + received(one), 0)
      for (let round = 0; round < 20; round++) {
        writer.doc.getText('text').insert(0, prose(random, 16_384))
        await converged([writer.doc, ...readers.map(one => one.doc)], read)
      }
      bytes[name] = readers.reduce((sum, one) => sum + received(one), 0) - before
    }
    t.diagnostic(`20 pastes of 16 KiB to ${RECEIVERS} receivers: ${bytes.plain} bytes plain, ${bytes.compressed} compressed, ${(bytes.plain / bytes.compressed).toFixed(2)} times fewer`)
    assert.ok(bytes.compressed * 1.5 < bytes.plain, JSON.stringify(bytes))
  })

  test(`${driver}: nothing is agreed on where compression is off`, async t => {
    const server = await start(t, { driver, dataDir: dataFolder(t) })
    const one = provider(t, server.url, 'off')
    await synced(one)
    assert.equal(extensions(one), '')
  })

  test(`${driver}: a bomb costs its connection, and nobody else`, { timeout: 180_000 }, async t => {
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 1, compression: true, messageBytesMax: '1MiB' })
    const witness = provider(t, server.url, 'bomb')
    await synced(witness)
    const code = await new Promise(resolve => {
      const socket = new WebSocket(`${server.url}/bomb`, { perMessageDeflate: { threshold: 0 } })
      socket.on('open', () => socket.send(Buffer.alloc(64 << 20)))
      socket.on('error', () => {})
      socket.on('close', resolve)
    })
    assert.equal(code, 1009)
    witness.doc.getText('text').insert(0, 'still here')
    const other = new Y.Doc()
    const late = provider(t, server.url, 'bomb', { doc: other })
    await synced(late)
    await until(() => read(other) === 'still here', 'the text')
  })
}
