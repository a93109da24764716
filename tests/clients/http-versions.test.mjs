// Versions of documents that unmodified clients of both kinds have open: kept, compared and brought back while they are there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { both } from './lib/both.mjs'
import { converged, provider as yProvider, synced, until } from './lib/clients.mjs'
import { saved } from './lib/hocuspocus.mjs'
import { pathOf, planeOf } from './lib/plane.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { content, edit, equal, loaded } from './lib/shown.mjs'

const text = doc => doc.getText('text').toString()
const shownOf = doc => JSON.stringify(content(doc))

for (const driver of drivers) {
  const on = (name, body) => test(`${driver}: ${name}`, { timeout: 180_000 }, async t => {
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 3 })
    await body(t, server, planeOf(server))
  })

  const versioned = async (t, server, plane, name) => {
    const clients = await both(t, server, name)
    const docs = clients.map(one => one.doc ?? one.document)
    const path = pathOf(name)
    /** Everything that they wrote is with both, and on disk. */
    const settled = async () => {
      await converged(docs, shownOf)
      await saved(clients[1])
      await until(async () => equal(loaded((await plane.ask('GET', `${path}/content`)).bytes), docs[0]), 'all that was written')
    }
    const keep = async called => (await plane.ask('POST', `${path}/versions`, { status: 201, body: { name: called } })).json()
    const restore = async version => (await plane.ask('POST', `${path}/versions/${version.id}/restore`)).json()
    return { clients, docs, path, settled, keep, restore }
  }

  on('a version comes back to live clients as an edit, and can be undone', async (t, server, plane) => {
    const { clients, docs, path, settled, keep, restore } = await versioned(t, server, plane, 'versions/1')
    const [y, h] = docs
    y.getText('text').insert(0, 'the first 😀 state')
    y.getText('text').format(4, 5, { bold: true })
    h.getMap('map').set('list', Y.Array.from([1, new Y.Text('inner')]))
    await settled()
    const first = await keep('first')
    const then = shownOf(y)
    const events = await plane.events(t, 'version')

    y.getText('text').insert(0, 'typed in y ')
    await converged(docs, text)
    h.getText('text').delete(text(h).length - 5, 5)
    h.getMap('map').get('list').push(['typed in h'])
    await settled()
    const second = await keep('second')
    const later = shownOf(y)
    await events.one('version', { document: 'versions/1', name: 'second', sequence: second.sequence })
    const { versions } = (await plane.ask('GET', `${path}/versions`)).json()
    assert.deepEqual(versions.map(({ id, automatic }) => [id, automatic]), [[second.id, false], [first.id, false]])

    // Who has written is named by the ids of their documents.
    const compared = (await plane.ask('GET', `${path}/versions/${first.id}/compare`)).json()
    assert.deepEqual(compared.clients.map(({ client }) => client).sort(), [y.clientID, h.clientID].sort())
    assert.equal(compared.clients.find(({ client }) => client === y.clientID).inserted, 'typed in y '.length)
    assert.deepEqual(compared.roots.map(({ root, clients: writers }) => [root, writers]), [['map', [h.clientID]], ['text', [y.clientID]]])
    assert.deepEqual(compared.roots[1].text, [
      { insert: { value: 'typed in y ', attributes: {} } }, { retain: 'the first 😀 '.length, text: 'the first 😀 ' }, { delete: { value: 'state', attributes: {} } }
    ])
    assert.deepEqual((await plane.ask('GET', `${path}/versions/${first.id}/compare?to=${second.id}`)).json(), compared)

    let closes = 0
    clients[0].on('connection-close', () => { closes++ })
    const updates = docs.map(doc => {
      const seen = { count: 0 }
      doc.on('update', (_, origin) => { if (origin !== null) seen.count++ })
      return seen
    })
    assert.equal((await restore(first)).changed, true)
    await until(() => docs.every(doc => shownOf(doc) === then), 'the first version')
    assert.ok(updates.every(({ count }) => count > 0), 'it came as an update')
    assert.deepEqual([closes, clients[1].told.closed, clients[0].synced, clients[1].isSynced], [0, [], true, true])
    // They go on writing in it.
    y.getText('text').insert(0, 'y again ')
    await converged(docs, shownOf)
    h.getText('text').insert(0, 'h again ')
    await settled()
    assert.equal(text(y), 'h again y again the first 😀 state')
    await restore(second)
    await until(() => docs.every(doc => shownOf(doc) === later), 'the second version')
    // The state before was kept, once: before the other there was a version of it already. It can be had back.
    const kept = (await plane.ask('GET', `${path}/versions`)).json().versions.filter(({ automatic }) => automatic)
    assert.deepEqual(kept.map(({ name }) => name), ['before restoring'])
    await restore(kept[0])
    await until(() => docs.every(doc => text(doc) === 'h again y again the first 😀 state'), 'the state before')
    // A version is what it was, whatever came since, and somebody new has what the others have.
    assert.equal(shownOf(loaded((await plane.ask('GET', `${path}/versions/${first.id}/content`)).bytes)), then)
    const late = yProvider(t, server.url, encodeURIComponent('versions/1'))
    await synced(late)
    await converged([y, late.doc], shownOf)
    await plane.ask('DELETE', `${path}/versions/${first.id}`, { status: 204 })
    await plane.ask('POST', `${path}/versions/${first.id}/restore`, { status: 404 })
  })

  on('any version of a random history comes back', async (t, server, plane) => {
    const random = randomFrom(seedOf(t))
    const { docs, settled, keep, restore } = await versioned(t, server, plane, 'random')
    const states = []
    for (let round = 0; round < 8; round++) {
      for (let n = 0; n < 20; n++) edit(random, random.pick(docs))
      await settled()
      if (content(docs[0]).roots.text.type !== 'empty') states.push([await keep(`round ${round}`), shownOf(docs[0])])
    }
    for (let n = 0; n < 8 && states.length > 0; n++) {
      const [version, shown] = random.pick(states)
      await restore(version)
      await until(() => docs.every(doc => shownOf(doc) === shown), () => `${version.name}: ${shown}\nand not ${docs.map(shownOf).join('\n')}`)
      edit(random, random.pick(docs))
      await settled()
    }
  })

  on('what is written while a version comes back stays', async (t, server, plane) => {
    const { docs, path, settled, keep, restore } = await versioned(t, server, plane, 'while')
    docs[0].getText('text').insert(0, 'kept. ')
    await settled()
    const version = await keep('kept')
    docs[0].getText('text').insert(0, 'goes away. ')
    await settled()
    let typing = true
    const written = [0, 0]
    const typed = docs.map(async (doc, who) => {
      while (typing) {
        doc.getArray('array').push([`${who}:${written[who]++}`])
        await new Promise(resolve => setTimeout(resolve, 1))
      }
    })
    for (const doc of docs) await until(() => doc.getArray('array').length > 10, 'some words')
    await restore(version)
    const atAnswer = [...written]
    await until(() => written.every((count, who) => count > atAnswer[who] + 10), 'words after it')
    typing = false
    await Promise.all(typed)
    await settled()
    assert.equal(text(docs[0]), 'kept. ')
    const left = docs[0].getArray('array').toArray()
    for (const who of [0, 1]) {
      for (let n = atAnswer[who]; n < written[who]; n++) assert.ok(left.includes(`${who}:${n}`), `${who}:${n} was written after the answer`)
    }
    assert.equal(new Set(left).size, left.length)
    const said = (await plane.ask('GET', `${path}/content`, { accept: 'application/json' })).json()
    assert.deepEqual(said.roots.array.value, left)
  })
}
