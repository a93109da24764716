// Unmodified @hocuspocus/provider clients edit documents through the server, on every driver, beside y-websocket clients.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { converged, provider as yProvider, synced, until } from './lib/clients.mjs'
import { provider, saved, socket, urlOf } from './lib/hocuspocus.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { frame, Raw, syncStep1, text as varString, update as updateOf, upgradeHead } from './lib/raw.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'

const text = doc => doc.getText('text').toString()
const type = (one, words) => one.document.getText('text').insert(one.document.getText('text').length, words)
/** A message with an address in front, in a frame. */
const about = (address, ...parts) => frame(Buffer.concat([varString(address), ...parts.map(part => Buffer.from(part))]))
const token = address => about(address, [2, 0], varString('x'), varString('4.8.0'))

for (const driver of drivers) {
  const on = (name, body, timeout = 120_000) => test(`${driver}: ${name}`, { timeout }, async t => {
    const dataDir = dataFolder(t)
    await body(t, await start(t, { driver, dataDir, shards: 3 }), { driver, dataDir, shards: 3 })
  })

  on('two clients see what the other types, and are told when it is saved', async (t, server) => {
    const [a, b] = [1, 2].map(() => provider(t, socket(t, urlOf(server)), 'notes'))
    await saved(a, b)
    assert.deepEqual([a.told.authenticated, b.told.authenticated], [['read-write'], ['read-write']])
    assert.equal(a.authorizedScope, 'read-write')
    type(a, 'hello ')
    assert.equal(a.unsyncedChanges, 1)
    assert.ok(a.hasUnsyncedChanges)
    await until(() => text(b.document) === 'hello ', 'the first words')
    type(b, 'wörld 😀')
    await saved(a, b)
    await until(() => text(a.document) === 'hello wörld 😀', 'the answer')
    const late = provider(t, socket(t, urlOf(server) + '/', { preserveTrailingSlash: true }), 'notes')
    await saved(late)
    assert.equal(text(late.document), 'hello wörld 😀')
  })

  on('a provider with a socket of its own connects by itself', async (t, server) => {
    const events = []
    const { HocuspocusProvider } = await import('@hocuspocus/provider')
    const { default: WebSocketPolyfill } = await import('ws')
    const one = new HocuspocusProvider({
      url: urlOf(server),
      name: 'own',
      WebSocketPolyfill,
      onOpen: () => events.push('open'),
      onConnect: () => events.push('connect'),
      onAuthenticated: () => events.push('authenticated'),
      onSynced: () => events.push('synced'),
      onDisconnect: () => events.push('disconnect')
    })
    t.after(() => one.destroy())
    await saved(one)
    // It tells of its own socket twice.
    assert.deepEqual([...new Set(events)], ['open', 'connect', 'authenticated', 'synced'])
    one.disconnect()
    await until(() => events.at(-1) === 'disconnect', 'the end')
    one.connect()
    await until(() => events.filter(event => event === 'synced').length === 2, 'the return')
    await saved(one)
  })

  on('20 documents share one socket, on all cores, and none disturbs another', async (t, server) => {
    const [one, two] = [socket(t, urlOf(server)), socket(t, urlOf(server))]
    const names = Array.from({ length: 20 }, (_, n) => `document ${n}/é`)
    const mine = names.map(name => provider(t, one, name))
    const theirs = names.map(name => provider(t, two, name))
    await saved(...mine, ...theirs)
    names.forEach((name, n) => { type(mine[n], `of ${name} `); type(theirs[n], 'and back ') })
    await saved(...mine, ...theirs)
    for (let n = 0; n < names.length; n++) await converged([mine[n].document, theirs[n].document], text)
    for (let n = 0; n < names.length; n++) {
      assert.ok(text(mine[n].document).includes(`of ${names[n]} `) && text(mine[n].document).length === names[n].length + 13)
    }
    // Leaving one of them leaves the others.
    mine[0].destroy()
    type(theirs[0], 'alone')
    type(theirs[1], 'together')
    await until(() => text(mine[1].document).endsWith('together'), 'the other document')
    assert.ok(!text(mine[0].document).includes('alone'))
    const again = provider(t, one, names[0])
    await saved(again, theirs[0])
    await converged([again.document, theirs[0].document], text)
  })

  on('two providers of one document share one socket', async (t, server) => {
    const one = socket(t, urlOf(server))
    const [a, b] = [1, 2].map(() => provider(t, one, 'shared', { sessionAwareness: true }))
    await saved(a, b)
    a.awareness.setLocalStateField('user', 'a')
    type(a, 'from a ')
    await until(() => text(b.document) === 'from a ', 'the edit')
    await until(() => b.awareness.getStates().get(a.document.clientID)?.user === 'a', 'who is there')
    type(b, 'from b')
    await saved(a, b)
    await converged([a.document, b.document], text)
    a.destroy()
    await until(() => !b.awareness.getStates().has(a.document.clientID), 'who has left')
    type(b, '!')
    await saved(b)
  })

  on('awareness goes round between both dialects, and goes with its connection', async (t, server) => {
    const one = socket(t, urlOf(server))
    const a = provider(t, one, 'aware')
    const y = yProvider(t, server.url, 'aware')
    await Promise.all([saved(a), synced(y)])
    a.setAwarenessField('name', 'ä')
    y.awareness.setLocalStateField('name', 'ü')
    await until(() => y.awareness.getStates().get(a.document.clientID)?.name === 'ä', 'one way')
    await until(() => a.awareness.getStates().get(y.doc.clientID)?.name === 'ü', 'the other way')
    one.disconnect()
    await until(() => !y.awareness.getStates().has(a.document.clientID), 'the end of it')
  })

  on('a y-websocket and a Hocuspocus client edit one document together', async (t, server) => {
    const random = randomFrom(seedOf(t))
    const socketOf = Array.from({ length: 3 }, () => socket(t, urlOf(server)))
    const hocuspocus = socketOf.map(one => provider(t, one, 'both'))
    const yWebsocket = Array.from({ length: 3 }, () => yProvider(t, server.url, 'both', { maxBackoffTime: 200 }))
    await Promise.all([saved(...hocuspocus), synced(...yWebsocket)])
    const docs = [...hocuspocus.map(one => one.document), ...yWebsocket.map(one => one.doc)]
    for (let step = 0; step < 1_500; step++) {
      const words = random.pick(docs).getText('text')
      if (words.length > 0 && random.chance(1, 3)) words.delete(random.below(words.length), 1)
      else words.insert(random.below(words.length + 1), random.pick(['a', 'zwei ', 'ü', '日本']))
      if (random.chance(1, 60)) {
        const one = random.pick(socketOf)
        if (one.status === 'connected') one.disconnect()
        else if (one.status === 'disconnected') one.connect()
      }
      if (random.chance(1, 60)) random.pick(hocuspocus).forceSync()
      if (step % 25 === 0) await new Promise(resolve => setTimeout(resolve, 2))
    }
    await until(() => {
      socketOf.filter(one => one.status === 'disconnected').forEach(one => one.connect())
      // One that is being closed is connected until that is done, and does not come back by itself.
      return socketOf.every(one => one.status === 'connected' && one.shouldConnect)
    }, 'all connected')
    await saved(...hocuspocus)
    await converged(docs, text)
    const late = provider(t, socket(t, urlOf(server)), 'both')
    await saved(late)
    await converged([docs[0], late.document], text)
  })

  on('what is counted as saved survives kill -9', async (t, server, settings) => {
    const dataDir = settings.dataDir
    const one = socket(t, urlOf(server))
    const writers = Array.from({ length: 6 }, (_, n) => provider(t, one, `crash ${n}`))
    await saved(...writers)
    const safe = new Map()
    const all = new Promise(resolve => {
      for (const writer of writers) {
        writer.on('unsyncedChanges', ({ number }) => {
          if (number !== 0) return
          // Nothing is on its way, so all of the document is safe.
          safe.set(writer.configuration.name, text(writer.document))
          if (safe.size === writers.length && [...safe.values()].every(words => words.length > 100)) resolve()
          type(writer, `${text(writer.document).length} `)
          if (writer.document.clientID % 2) type(writer, 'and ')
        })
        type(writer, 'begin ')
      }
    })
    await all
    // What was acknowledged until then has come by its end. It must not come back: whoever has the port by then is another server.
    const end = new Promise(resolve => one.on('disconnect', () => { one.destroy(); resolve() }))
    await server.kill()
    await end
    const next = await start(t, { ...settings, dataDir })
    const after = socket(t, urlOf(next))
    for (const [name, words] of safe) {
      const fresh = provider(t, after, name)
      await saved(fresh)
      assert.ok(text(fresh.document).startsWith(words), `${name}: ${words.length} letters were saved, ${text(fresh.document).length} are there`)
    }
    await next.kill()
  })

  on('clients come back after a restart with what they wrote meanwhile', async (t, server, settings) => {
    const one = socket(t, urlOf(server))
    const a = provider(t, one, 'restart')
    const b = provider(t, one, 'restart too')
    await saved(a, b)
    type(a, 'before ')
    await saved(a)
    await server.stop()
    await until(() => one.status !== 'connected', 'the end')
    assert.equal(a.isSynced, false)
    type(a, 'meanwhile ')
    type(a, 'and more ')
    assert.ok(a.hasUnsyncedChanges)
    const next = await start(t, { ...settings, listen: `127.0.0.1:${server.port}` })
    await saved(a, b)
    const fresh = yProvider(t, server.url, 'restart')
    await synced(fresh)
    assert.equal(text(fresh.doc), 'before meanwhile and more ')
    await next.kill()
  })

  on('edits made offline arrive, both ways', async (t, server) => {
    const one = socket(t, urlOf(server))
    const [a, b] = [provider(t, one, 'trip'), provider(t, socket(t, urlOf(server)), 'trip')]
    await saved(a, b)
    type(a, 'base ')
    await until(() => text(b.document) === 'base ', 'the base')
    one.disconnect()
    await until(() => one.status === 'disconnected', 'the end')
    type(a, 'from a')
    b.document.getText('text').insert(0, 'from b ')
    one.connect()
    await converged([a.document, b.document], text)
    await saved(a, b)
    assert.equal(text(a.document), 'from b base from a')
  })

  on('a forced sync and batches are counted right', async (t, server) => {
    const a = provider(t, socket(t, urlOf(server)), 'forced', { forceSyncInterval: 20 })
    const b = provider(t, socket(t, urlOf(server)), 'forced', { flushDelay: 30 })
    await saved(a, b)
    for (let n = 0; n < 40; n++) {
      type(a, `a${n} `)
      type(b, `b${n} `)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await until(() => b.unsyncedChanges === 0 && b.pendingUpdates.length === 0, 'the batches')
    await until(() => a.unsyncedChanges === 0, 'the forced ones')
    await converged([a.document, b.document], text)
    for (let n = 0; n < 40; n++) assert.ok(text(a.document).includes(`a${n} `) && text(a.document).includes(`b${n} `))
  })

  on('stateless messages of clients do no harm, and are not passed on', async (t, server) => {
    const one = socket(t, urlOf(server))
    const [a, b] = [provider(t, one, 'stateless'), provider(t, socket(t, urlOf(server)), 'stateless')]
    await saved(a, b)
    for (let n = 0; n < 50; n++) a.sendStateless('x'.repeat(n * 100))
    type(a, 'still here')
    await saved(a)
    await until(() => text(b.document) === 'still here', 'the edit')
    assert.deepEqual([a.told.stateless, b.told.stateless, a.told.failed, a.told.closed], [[], [], [], []])
  })

  on('a provider that is handed a document with content keeps and saves it', async (t, server) => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'made before')
    doc.getMap('map').set('sub', new Y.Doc({ guid: 'sub' }))
    const a = provider(t, socket(t, urlOf(server)), 'given', { doc })
    await saved(a)
    const b = provider(t, socket(t, urlOf(server)), 'given')
    await saved(b)
    assert.equal(text(b.document), 'made before')
    assert.equal(b.document.getMap('map').get('sub').guid, 'sub')
  })

  on('a large document reaches a client whole, and is synced when it is', async (t, server) => {
    const a = provider(t, socket(t, urlOf(server)), 'large')
    await saved(a)
    for (let n = 0; n < 60; n++) a.document.getMap('map').set(`key ${n}`, `${n} `.repeat(32_768).slice(0, 65_536))
    await saved(a)
    const b = provider(t, socket(t, urlOf(server)), 'large')
    let sizeWhenSynced
    b.on('synced', () => { sizeWhenSynced ??= b.document.getMap('map').size })
    await saved(b)
    assert.deepEqual([sizeWhenSynced, b.document.getMap('map').size], [60, 60])
  })

  on('a reader that sleeps on many documents neither stops the others nor loses anything', async t => {
    // It may sleep for as long as the others take, which on a slow machine is longer than who takes nothing is waited for.
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 3, tcpUserTimeoutMs: 3_600_000, staleTimeoutMs: 3_600_000 })
    const names = ['slow 0', 'slow 1', 'slow 2', 'slow 3']
    const reader = new Raw(t, server.port)
    await reader.write(upgradeHead('/hocuspocus'))
    for (const name of names) await reader.write(Buffer.concat([token(name), about(name, syncStep1([0]))]))
    await until(() => reader.frames().filter(([, payload]) => payload.includes('read-write')).length === 4, 'all tokens')
    reader.socket.pause()
    const one = socket(t, urlOf(server))
    const writers = names.map(name => provider(t, one, name))
    await saved(...writers)
    for (let n = 0; n < 120; n++) {
      for (const writer of writers) writer.document.getMap('map').set(`key ${n}`, `${n} `.repeat(16_384).slice(0, 32_768))
      await saved(...writers)
    }
    reader.socket.resume()
    const docs = new Map(names.map(name => [name, new Y.Doc()]))
    let read = 0
    const apply = () => {
      const frames = reader.frames()
      for (const [opcode, payload] of frames.slice(read)) {
        if (opcode !== 2) continue
        const address = payload.subarray(1, 1 + payload[0]).toString()
        const message = payload.subarray(1 + payload[0])
        if (message[0] !== 0 || message[1] === 0) continue
        let [length, at, shift] = [0, 2, 0]
        for (let byte = 128; byte >= 128; shift += 7) {
          byte = message[at++]
          length += (byte & 127) * 2 ** shift
        }
        Y.applyUpdate(docs.get(address), message.subarray(at, at + length))
      }
      read = frames.length
      return [...docs.values()].every(doc => doc.getMap('map').size === 120)
    }
    await until(apply, () => `all of it: ${[...docs.values()].map(doc => doc.getMap('map').size)}`)
  }, 180_000)

  on('what breaks one document closes that one, and what breaks the connection closes it', async (t, server) => {
    const messages = raw => raw.frames().filter(([opcode]) => opcode === 2).map(([, payload]) => payload.toString('latin1'))
    const open = async (...addresses) => {
      const raw = new Raw(t, server.port)
      await raw.write(Buffer.concat([upgradeHead('/hocuspocus'), ...addresses.map(token)].map(part => Buffer.from(part))))
      await until(() => messages(raw).filter(one => one.includes('read-write')).length === addresses.length, 'tokens')
      return raw
    }
    const closing = [
      ['a broadcast', [6, 1, 120]], ['an unknown sync message', [0, 9, 0]], ['an update that is none', [0, 2, 1, 255]],
      ['bytes behind a message', [3, 0, 0]], ['awareness that is none', [1, 2, 1, 7]], ['a word in authentication', [2, 9]]
    ]
    for (const [what, body] of closing) {
      const raw = await open('a', 'b')
      await raw.write(about('a', body))
      await until(() => messages(raw).some(one => one.startsWith('\x01a\x07')), `${what} closes the document`)
      await raw.write(about('b', [3]))
      await until(() => messages(raw).some(one => one.startsWith('\x01b\x01')), `${what} leaves the other`)
      // And the one that was closed may come back.
      await raw.write(token('a'))
      await until(() => messages(raw).filter(one => one.startsWith('\x01a\x02\x02')).length === 2, 'its return')
      raw.socket.destroy()
    }
    const fatal = [
      ['no address', frame([0]), 4400], ['half an address', frame([9, 97]), 4400], ['text', frame('x', { opcode: 1 }), 1003],
      ['a control character', about('a\nb', [3]), 4400], ['nothing', frame([]), 4400], ['no mask', frame([9], { masked: false }), 1002]
    ]
    for (const [what, bytes, code] of fatal) {
      const raw = await open('a', 'b')
      await raw.write(bytes)
      assert.equal(await until(() => raw.closeCode(), `the end after ${what}`), code, what)
    }
    // Signs of life, and what later versions may say, are nothing.
    const raw = await open('a')
    for (const bytes of [frame([10]), frame([9]), about('a', [77, 1]), about('a', [8, 1])]) await raw.write(bytes)
    await raw.write(about('a', [7]))
    await until(() => messages(raw).some(one => one.startsWith('\x01a\x07')), 'it leaves')
    assert.equal(raw.closeCode(), undefined)
  })

  on('what waits for a token is bounded, in time too', async t => {
    const server = await start(t, {
      driver, dataDir: dataFolder(t), tokenQueueMessagesMax: 5, tokenQueueBytesMax: 4_096, documentsPerConnectionMax: 3
    })
    const hasty = await start(t, { driver, dataDir: dataFolder(t), tokenTimeoutMs: 1_000 })
    const open = async ({ port } = server) => {
      const raw = new Raw(t, port)
      await raw.write(upgradeHead('/hocuspocus'))
      await until(() => raw.status() === 101, 'an upgrade')
      return raw
    }
    const many = await open()
    for (let n = 0; n < 6; n++) await many.write(about('a', [3]))
    assert.equal(await until(() => many.closeCode(), 'too many messages'), 4205)
    const much = await open()
    for (let n = 0; n < 3; n++) await much.write(about('a', updateOf(Buffer.alloc(2_000))))
    assert.equal(await until(() => much.closeCode(), 'too many bytes'), 4205)
    const large = await open()
    await large.write(about('a', updateOf(Buffer.alloc(5_000))))
    assert.equal(await until(() => large.closeCode(), 'too large a message'), 1009)
    const busy = await open(hasty)
    const talking = setInterval(() => busy.write(Buffer.concat([frame([10]), about('a', [7])])), 50)
    assert.equal(await until(() => busy.closeCode(), 'no token'), 4408)
    clearInterval(talking)
    const crowd = await open()
    for (const name of ['a', 'b', 'c', 'd']) await crowd.write(token(name))
    const said = () => crowd.frames().map(([, payload]) => payload.toString('latin1'))
    await until(() => said().some(one => one.startsWith('\x01d\x07')), 'one too many')
    assert.equal(said().filter(one => one.includes('read-write')).length, 3)
    await crowd.write(Buffer.concat([about('a', [7]), token('d')]))
    await until(() => said().some(one => one.startsWith('\x01d\x02\x02')), 'room again')
  })
}
