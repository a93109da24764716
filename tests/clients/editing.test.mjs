// Unmodified y-websocket clients edit documents through the server, on every driver.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { connected, converged, provider, synced, until } from './lib/clients.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'

const text = doc => doc.getText('text').toString()
// A map's keys come in the order in which they arrived.
const sorted = map => Object.entries(map).sort(([a], [b]) => a < b ? -1 : 1)
const all = doc => ({
  text: doc.getText('text').toDelta(), map: sorted(doc.getMap('map').toJSON()), list: doc.getArray('list').toJSON()
})

for (const driver of drivers) {
  const on = (name, body) => test(`${driver}: ${name}`, { timeout: 120_000 }, async t => {
    const dataDir = dataFolder(t)
    await body(t, await start(t, { driver, dataDir, shards: 3 }), { driver, dataDir, shards: 3 })
  })

  on('two clients see what the other types, and a late joiner sees all', async (t, server) => {
    const [a, b] = [provider(t, server.url, 'notes'), provider(t, server.url, 'notes')]
    await synced(a, b)
    a.doc.getText('text').insert(0, 'hello ')
    await until(() => text(b.doc) === 'hello ', 'the first words')
    b.doc.getText('text').insert(6, 'wörld 😀')
    await until(() => text(a.doc) === 'hello wörld 😀', 'the answer')
    const late = provider(t, server.url, 'notes')
    await synced(late)
    // What was on its way to the disk when it came, it is sent after that.
    await until(() => text(late.doc) === 'hello wörld 😀', () => text(late.doc))
  })

  on('random edits of many clients that come and go converge', async (t, server) => {
    const random = randomFrom(seedOf(t))
    const clients = Array.from({ length: 8 }, () => provider(t, server.url, 'busy', { maxBackoffTime: 200 }))
    await synced(...clients)
    for (let step = 0; step < 2_000; step++) {
      const client = random.pick(clients)
      const { doc } = client
      const [words, map, list] = [doc.getText('text'), doc.getMap('map'), doc.getArray('list')]
      switch (random.below(9)) {
        case 0: case 1: case 2:
          // No surrogate pairs: what a client shows where one was split depends, in Yjs itself, on who split it first.
          words.insert(random.below(words.length + 1), random.pick(['a', 'zwei ', 'ü', '日本', 'long words ']))
          break
        case 3:
          if (words.length > 0) words.delete(random.below(words.length), 1)
          break
        case 4:
          if (words.length > 3) words.format(random.below(words.length - 2), 2, { bold: random.chance(1, 2) ? true : null })
          break
        case 5: map.set(random.pick(['x', 'y', 'z']), random.below(1000)); break
        case 6: map.set(random.pick(['m', 'n']), new Y.Map([['in', random.below(10)]])); break
        case 7: list.insert(random.below(list.length + 1), [random.below(1000), 'é']); break
        case 8: if (list.length > 0) list.delete(random.below(list.length)); break
      }
      // Offline, where edits go on, and back.
      if (random.chance(1, 40)) client.wsconnected ? client.disconnect() : client.connect()
      if (step % 50 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    clients.forEach(client => client.connect())
    await synced(...clients)
    await converged(clients.map(client => client.doc), all)
    const late = provider(t, server.url, 'busy')
    await synced(late)
    await converged([clients[0].doc, late.doc], all)
  })

  on('edits made offline arrive, both ways', async (t, server) => {
    const [a, b] = [provider(t, server.url, 'trip'), provider(t, server.url, 'trip')]
    await synced(a, b)
    a.doc.getText('text').insert(0, 'base ')
    await until(() => text(b.doc) === 'base ', 'the base')
    a.disconnect()
    a.doc.getText('text').insert(5, 'from a')
    b.doc.getText('text').insert(0, 'from b ')
    a.connect()
    await converged([a.doc, b.doc], text)
    assert.ok(text(a.doc).includes('from a') && text(a.doc).includes('from b'))
  })

  on('what was written is there after a restart, and clients come back by themselves', async (t, server, settings) => {
    const a = provider(t, server.url, 'kept', { maxBackoffTime: 200 })
    await synced(a)
    a.doc.getText('text').insert(0, 'before ')
    const { code } = await server.stop()
    assert.equal(code, 0, server.log())
    a.doc.getText('text').insert(7, 'between')
    const again = await start(t, { ...settings, listen: `127.0.0.1:${server.port}` })
    const b = provider(t, again.url, 'kept')
    await synced(b)
    await until(() => text(b.doc) === 'before between', () => text(b.doc))
  })

  on('awareness comes, changes, and goes with its connection', async (t, server) => {
    const [a, b] = [provider(t, server.url, 'presence'), provider(t, server.url, 'presence')]
    await synced(a, b)
    a.awareness.setLocalStateField('user', { name: 'Ada' })
    await until(() => b.awareness.getStates().get(a.doc.clientID)?.user?.name === 'Ada', 'the name')
    a.awareness.setLocalStateField('user', { name: 'Grace' })
    await until(() => b.awareness.getStates().get(a.doc.clientID)?.user?.name === 'Grace', 'the new name')
    const late = provider(t, server.url, 'presence')
    await until(() => late.awareness.getStates().get(a.doc.clientID)?.user?.name === 'Grace', 'the name for a late joiner')
    a.ws.terminate()
    a.shouldConnect = false
    await until(() => !b.awareness.getStates().has(a.doc.clientID), 'the end of the presence')
  })

  on('a hundred documents over all shards keep apart', async (t, server) => {
    const names = Array.from({ length: 100 }, (_, n) => `document ${n} ü/ä`)
    const writers = names.map(name => provider(t, server.url, encodeURIComponent(name)))
    await synced(...writers)
    writers.forEach((writer, n) => writer.doc.getText('text').insert(0, `text ${n}`))
    const readers = names.map(name => provider(t, server.url, encodeURIComponent(name)))
    await until(() => readers.every((reader, n) => text(reader.doc) === `text ${n}`), 'each document its own text')
  })

  on('a document of 20 MB is written, joined by many at once, and edited', async (t, server) => {
    const size = 20 * 1024 * 1024
    const a = provider(t, server.url, 'large')
    await synced(a)
    const word = 'The quick brown fox jumps over the lazy dog, 0123456789.\n'
    for (let done = 0; done < size;) {
      const piece = word.repeat(2_000)
      a.doc.getText('text').insert(done, piece)
      done += piece.length
    }
    const readers = Array.from({ length: 4 }, () => provider(t, server.url, 'large'))
    await until(() => readers.every(reader => text(reader.doc).length >= size), 'the whole text for all')
    assert.ok(readers.every(reader => reader.doc.store.pendingStructs === null))
    readers[0].doc.getText('text').insert(3, '!!!')
    await converged([a.doc, ...readers.map(reader => reader.doc)], doc => text(doc).length)
    await until(() => text(a.doc).startsWith('The!!!'), 'the small edit')
  })

  on('a client that is told to go because of its update does not come back with it for ever', async (t, server) => {
    const client = provider(t, server.url, 'refused', { maxBackoffTime: 100 })
    await synced(client)
    const codes = []
    client.on('connection-close', event => codes.push(event.code))
    client.ws.send(new Uint8Array([0, 2, 1, 9]))
    await until(() => codes.length > 0, 'the close')
    assert.ok(codes[0] >= 4400 && codes[0] < 4500, `${codes}`)
    assert.equal(client.shouldConnect, false)
  })

  on('connections stay open and synced when nothing happens', async (t, server) => {
    const client = provider(t, server.url, 'quiet')
    await connected(client)
    await synced(client)
    let closed = false
    client.on('connection-close', () => { closed = true })
    await new Promise(resolve => setTimeout(resolve, 1_000))
    assert.equal(closed, false)
  })
}
