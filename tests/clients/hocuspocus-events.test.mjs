// What an unmodified Hocuspocus client tells its application, and how often: its events, its awareness, and changes of nested types, as
// applications rely on them, with sockets that idle among them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { converged, until } from './lib/clients.mjs'
import { provider, saved, socket, urlOf } from './lib/hocuspocus.mjs'
import { frame, Raw, text as varString, upgradeHead } from './lib/raw.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'

const text = doc => doc.getText('text').toString()

for (const driver of drivers) {
  const on = (name, body, settings = {}) => test(`${driver}: ${name}`, { timeout: 120_000 }, async t =>
    body(t, await start(t, { driver, dataDir: dataFolder(t), shards: 3, ...settings })))

  /** Providers of one document, each with a socket of its own. */
  const pair = (t, server, name, ...options) => options.map(one => provider(t, socket(t, urlOf(server)), name, one))

  on('the life of a connection is told in order, as often as it happens', async (t, server) => {
    const [configured, heard] = [[], []]
    const names = ['open', 'connect', 'authenticated', 'synced', 'disconnect', 'close', 'destroy']
    const options = Object.fromEntries(names.map(name => [`on${name[0].toUpperCase()}${name.slice(1)}`, () => configured.push(name)]))
    const one = socket(t, urlOf(server))
    const made = provider(t, one, 'life', options)
    for (const name of names) made.on(name, () => heard.push(name))
    const messages = []
    made.on('message', ({ message }) => { message.readVarString(); messages.push(message.readVarUint()) })
    await saved(made)
    await until(() => messages.includes(8), 'an acknowledgement')
    assert.deepEqual(heard, ['open', 'connect', 'authenticated', 'synced'])
    // Who is let in is told so before anything else.
    assert.equal(messages[0], 2)
    assert.ok(messages.every(type => [0, 1, 2, 8].includes(type)), `${messages}`)
    for (let n = 1; n <= 3; n++) {
      one.disconnect()
      await until(() => heard.filter(name => name === 'close').length === n, 'the end')
      assert.equal(made.isSynced, false)
      one.connect()
      await saved(made)
    }
    const count = name => heard.filter(each => each === name).length
    assert.deepEqual(['open', 'connect', 'authenticated', 'synced', 'disconnect', 'close'].map(count), [4, 4, 4, 4, 3, 3])
    for (const name of ['open', 'authenticated', 'synced']) assert.equal(configured.filter(each => each === name).length, 4, name)
    made.destroy()
    assert.ok(configured.includes('destroy'))
  })

  on('each change is observed once, be it made here or there', async (t, server) => {
    const [a, b] = pair(t, server, 'observed', {}, {})
    await saved(a, b)
    const observe = one => {
      const seen = { plain: 0, deep: 0, updates: 0 }
      const type = one.document.get('xml', Y.XmlText)
      type.observe(() => { seen.plain++ })
      type.observeDeep(() => { seen.deep++ })
      one.document.on('update', () => { seen.updates++ })
      return [type, seen]
    }
    const [[mine, here], [theirs, there]] = [observe(a), observe(b)]
    for (const letter of ['a', 'b', 'c']) mine.insert(mine.length, letter)
    a.document.transact(() => { for (const letter of ['d', 'e', 'f']) mine.insert(mine.length, letter) })
    await saved(a)
    await until(() => theirs.toString() === 'abcdef', 'the changes')
    // Neither is what one wrote oneself observed again when it comes back, nor what others wrote when it was in one piece.
    assert.deepEqual(here, { plain: 4, deep: 4, updates: 4 })
    const before = there.updates
    assert.ok(before >= 1 && before <= 4)
    assert.deepEqual([there.plain, there.deep], [before, before])
    theirs.insert(0, '!')
    await saved(b)
    await until(() => mine.toString() === '!abcdef', 'the answer')
    assert.deepEqual([here, there.updates], [{ plain: 5, deep: 5, updates: 5 }, before + 1])
    // Changes below the type are those of the type for whoever looks deep.
    const [map, seen] = [a.document.getMap('map'), []]
    map.observeDeep(events => seen.push(...events.map(event => event.path.join('/'))))
    b.document.getMap('map').set('inner', new Y.Map())
    await until(() => map.has('inner'), 'the inner map')
    b.document.getMap('map').get('inner').set('key', 1)
    await until(() => map.get('inner').get('key') === 1, 'what is in it')
    assert.deepEqual(seen, ['', 'inner'])
  })

  on('awareness reaches those on the same document, once, and nobody sends back what came from others', async (t, server) => {
    const sent = []
    const [a, b] = pair(t, server, 'aware', {}, { onOutgoingMessage: ({ message }) => { if (message.type === 1) sent.push(message) } })
    const [elsewhere] = pair(t, server, 'another', {})
    await saved(a, b, elsewhere)
    const state = (one, of) => one.awareness.getStates().get(of.document.clientID)
    b.setAwarenessField('name', 'b')
    await until(() => state(a, b)?.name === 'b', 'b is seen')
    const before = sent.length
    assert.ok(before > 0)
    const shown = []
    b.on('awarenessChange', ({ states }) => shown.push(states.length))
    b.on('awarenessUpdate', ({ states }) => shown.push(states.length))
    a.setAwarenessField('name', 'a')
    a.setAwarenessField('cursor', 7)
    await until(() => state(b, a)?.cursor === 7, 'a is seen')
    assert.equal(state(b, a).name, 'a')
    assert.ok(shown.length > 0 && shown.every(count => count === 2))
    // Whatever it would have sent back, the server would have had before the answer to this.
    b.setAwarenessField('name', 'B')
    await until(() => state(a, b)?.name === 'B', 'b again')
    assert.equal(sent.length, before + 1)
    assert.equal(elsewhere.awareness.getStates().size, 1)
    // Who comes later sees who is there; who goes is gone for all.
    const [late] = pair(t, server, 'aware', {})
    await until(() => state(late, a)?.name === 'a' && state(late, b)?.name === 'B', 'who is there')
    a.destroy()
    await until(() => !state(b, a) && !state(late, a), 'who has gone')
    // Without awareness one edits all the same.
    const [plain] = pair(t, server, 'aware', { awareness: null })
    await saved(plain)
    plain.document.getText('text').insert(0, 'unseen')
    await until(() => text(b.document) === 'unseen', 'the edit')
    assert.throws(() => plain.setAwarenessField('name', 'x'), /disabled/)
  })

  on('what is set of a socket or provider is kept, and a wait between tries is waited', async (t, server) => {
    const one = socket(t, urlOf(server) + '///', { maxDelay: 1_234, delay: 150, minDelay: 150, parameter: 'x' })
    assert.deepEqual([one.configuration.maxDelay, one.url], [1_234, urlOf(server)])
    assert.equal(one.configuration.messageReconnectTimeout, 30_000)
    const a = provider(t, one, 'configured', { forceSyncInterval: 15 })
    let forced = 0
    a.on('outgoingMessage', ({ message }) => { if (message.description === 'First sync step') forced++ })
    await until(() => forced >= 5, 'forced syncs')
    await until(() => a.isSynced && a.unsyncedChanges === 0, 'nothing unsynced between them')
    // One that is not to connect does not, until it is told to.
    const off = socket(t, urlOf(server), { autoConnect: false })
    const b = provider(t, off, 'configured', {})
    await saved(a)
    assert.deepEqual([off.status, b.isSynced], ['disconnected', false])
    off.connect()
    await saved(b)
  })

  on('batches are one message, and unsaved from the first change on', async (t, server) => {
    const sent = []
    const [a, b] = pair(t, server, 'batches', { flushDelay: 60, onOutgoingMessage: ({ message }) => sent.push(message.type) }, {})
    await saved(a, b)
    const count = type => sent.filter(each => each === type).length
    const before = [count(0), count(1)]
    for (const key of ['a', 'b', 'c']) {
      a.document.getMap('map').set(key, 1)
      a.setAwarenessField('key', key)
    }
    assert.deepEqual([count(0), count(1), a.unsyncedChanges], [...before, 1])
    await saved(a)
    await until(() => b.document.getMap('map').size === 3, 'the batch')
    await until(() => b.awareness.getStates().get(a.document.clientID)?.key === 'c', 'the last of its states')
    assert.deepEqual([count(0), count(1)], [before[0] + 1, before[1] + 1])
    for (const key of ['a', 'b', 'c']) b.document.getMap('map').set(`of b: ${key}`, 1)
    await saved(b)
    await converged([a.document, b.document], doc => doc.getMap('map').size)
  })

  on('documents within documents are named in them, and loaded as documents of their own', async (t, server) => {
    const [a, b] = pair(t, server, 'outer', {}, {})
    await saved(a, b)
    const inner = new Y.Doc()
    inner.getText('text').insert(0, 'within')
    a.document.getMap('documents').set('inner', inner)
    await until(() => b.document.getMap('documents').has('inner'), 'its name')
    const theirs = b.document.getMap('documents').get('inner')
    assert.deepEqual([theirs.guid, text(theirs)], [inner.guid, ''])
    const mine = provider(t, socket(t, urlOf(server)), inner.guid, { doc: inner })
    await saved(mine)
    theirs.load()
    const loaded = provider(t, b.configuration.websocketProvider, theirs.guid, { doc: theirs })
    await saved(loaded)
    assert.equal(text(theirs), 'within')
    theirs.getText('text').insert(0, 'from ')
    await converged([inner, theirs], text)
    // One within that one as well.
    const innermost = new Y.Doc()
    inner.getMap('documents').set('innermost', innermost)
    await until(() => theirs.getMap('documents').has('innermost'), 'its name')
    assert.equal(theirs.getMap('documents').get('innermost').guid, innermost.guid)
  })

  on('a socket that idles is sent a byte in time, answers it, and no awareness is sent for it', async (t, server) => {
    const pings = one => { const seen = []; one.on('message', event => { const data = new Uint8Array(event.data); if (data.length === 1) seen.push(data[0]) }); return seen }
    const one = socket(t, urlOf(server))
    const seen = pings(one)
    const idle = provider(t, one, 'idle', { awareness: null })
    await saved(idle)
    const messages = []
    idle.on('message', ({ message }) => { message.readVarString(); messages.push(message.readVarUint()) })
    let closes = 0
    one.on('close', () => { closes++ })
    const raw = new Raw(t, server.port)
    await raw.write(upgradeHead('/hocuspocus'))
    await raw.write(frame(Buffer.concat([varString('idle'), Buffer.from([2, 0]), varString('x')])))
    const beats = () => raw.frames().filter(([, payload]) => payload.length === 1)
    await until(() => seen.length >= 5 && beats().length >= 5, 'five heartbeats each')
    assert.ok(seen.every(byte => byte === 9) && beats().every(([opcode, payload]) => opcode === 2 && payload[0] === 9))
    assert.deepEqual([messages, closes], [[], 0])
    // The one that answers none is given up; the one that does is not.
    await until(() => raw.isClosed, 'the end of who never answers')
    assert.deepEqual([messages.filter(type => type === 1), closes, idle.isSynced], [[], 0, true])
    idle.document.getText('text').insert(0, 'still here')
    await saved(idle)
  }, { heartbeatMs: 1_000, heartbeatMinMs: 1_000, heartbeatMaxMs: 12_000, staleTimeoutMs: 12_000 })
}
