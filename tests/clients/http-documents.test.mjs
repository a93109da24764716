// Unmodified clients of both kinds, and programs that reach the same documents over HTTP: what one side does, the other has; what was
// answered is on disk; and what is said of a document is what Yjs says of it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { both } from './lib/both.mjs'
import { converged, provider as yProvider, synced, until } from './lib/clients.mjs'
import { provider, saved, socket, urlOf } from './lib/hocuspocus.mjs'
import { pathOf, planeOf } from './lib/plane.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { content, edit, equal, loaded } from './lib/shown.mjs'

const text = doc => doc.getText('text').toString()
const JSON_TYPE = 'application/json'

/** The document as a program has it. */
const fetched = async (plane, path) => loaded((await plane.ask('GET', path)).bytes)

for (const driver of drivers) {
  const on = (name, body, settings = {}) => test(`${driver}: ${name}`, { timeout: 180_000 }, async t => {
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 3, ...settings })
    await body(t, server, planeOf(server))
  })

  on('an update and a patch over HTTP reach live clients, and theirs are there for programs', async (t, server, plane) => {
    const path = pathOf('notes/live ü')
    const clients = await both(t, server, 'notes/live ü')
    const docs = clients.map(one => one.doc ?? one.document)
    const mine = new Y.Doc()
    mine.getText('text').insert(0, 'by update ')
    assert.equal((await plane.ask('POST', `${path}/updates`, { body: Y.encodeStateAsUpdate(mine) })).json().changed, true)
    assert.equal((await plane.ask('POST', `${path}/updates`, { body: Y.encodeStateAsUpdate(mine) })).json().changed, false)
    await until(() => docs.every(doc => text(doc) === 'by update '), 'the update')
    await plane.ask('PATCH', `${path}/content`, { body: [{ op: 'text_insert', root: 'text', index: 10, text: 'by 😀 patch' }] })
    await until(() => docs.every(doc => text(doc) === 'by update by 😀 patch'), 'the patch')
    docs[0].getText('text').insert(0, 'y ')
    docs[1].getText('text').insert(0, 'h ')
    await converged(docs, text)
    await saved(clients[1])
    await until(async () => equal(await fetched(plane, `${path}/content`), docs[0]), 'what both wrote')
    assert.equal((await plane.ask('GET', `${path}/content?root=text`, { accept: 'text/plain' })).text(), text(docs[0]))
    // An edit bound to a state that has passed is refused, and reaches nobody.
    const seen = (await plane.ask('GET', `${path}/content`)).headers.get('etag')
    docs[0].getText('text').insert(0, '!')
    await until(() => text(docs[1]).startsWith('!'), 'another edit')
    const patch = [{ op: 'text_delete', root: 'text', index: 0, length: 5 }]
    await until(async () => (await plane.ask('GET', `${path}/content`)).headers.get('etag') !== seen, 'another tag')
    await plane.ask('PATCH', `${path}/content`, { status: 412, headers: { 'if-match': seen }, body: patch })
    const now = (await plane.ask('GET', `${path}/content`)).headers.get('etag')
    await plane.ask('GET', `${path}/content`, { status: 304, headers: { 'if-none-match': now } })
    const before = text(docs[0])
    await plane.ask('PATCH', `${path}/content`, { headers: { 'if-match': now }, body: patch })
    await until(() => docs.every(doc => text(doc) === before.slice(5)), 'the edit that was bound to this state')
  })

  test(`${driver}: what was answered is on disk when the process is killed`, { timeout: 180_000 }, async t => {
    const dataDir = dataFolder(t)
    const path = pathOf('durable')
    const expected = new Y.Doc()
    let step = 0
    const update = () => {
      const before = Y.encodeStateVector(expected)
      expected.getText('text').insert(0, `${step} `)
      return Y.encodeStateAsUpdate(expected, before)
    }
    // Each ends with its answer, after which the process is killed; then the other function says whether it is there.
    const acts = [
      [plane => plane.ask('POST', `${path}/updates`, { body: update() }),
        async plane => assert.ok(equal(await fetched(plane, `${path}/content`), expected))],
      [async plane => {
        await plane.ask('PATCH', `${path}/content`, { body: [{ op: 'text_insert', root: 'text', index: 0, text: `patch ${step} ` }] })
      }, async plane => {
        const doc = await fetched(plane, `${path}/content`)
        assert.equal(text(doc), `patch ${step} ${text(expected)}`)
        Y.applyUpdate(expected, Y.encodeStateAsUpdate(doc))
      }],
      [plane => plane.ask('PUT', pathOf(`made ${step}`), { status: 201 }), plane => plane.ask('GET', pathOf(`made ${step}`))],
      [plane => plane.ask('POST', `${path}/copy`, { status: 201, body: { to: `copy ${step}` } }),
        async plane => assert.ok(equal(await fetched(plane, `${pathOf(`copy ${step}`)}/content`), expected))],
      [plane => plane.ask('POST', `${path}/versions`, { status: 201, body: { name: `version ${step}` } }),
        async plane => assert.ok((await plane.ask('GET', `${path}/versions`)).json().versions.some(({ name }) => name === `version ${step}`))],
      [async plane => {
        const { versions } = (await plane.ask('GET', `${path}/versions`)).json()
        await plane.ask('POST', `${path}/updates`, { body: update() })
        await plane.ask('POST', `${path}/versions/${versions[0].id}/restore`)
      }, async plane => {
        const doc = await fetched(plane, `${path}/content`)
        assert.ok(!text(doc).includes(`${step} `), text(doc))
        Y.applyUpdate(expected, Y.encodeStateAsUpdate(doc))
        assert.ok(equal(doc, expected))
      }],
      [plane => plane.ask('DELETE', pathOf('other'), { status: 204 }), plane => plane.ask('GET', pathOf('other'), { status: 404 })]
    ]
    for (const [act, isThere] of acts) {
      step++
      const server = await start(t, { driver, dataDir, shards: 3 })
      const plane = planeOf(server)
      // Somebody is typing on the same cores; none of them outlives the process, or it would bring everything back.
      const clients = await both(t, server, 'durable')
      for (const one of await both(t, server, 'other')) (one.doc ?? one.document).getText('text').insert(0, 'typed ')
      await until(async () => {
        try { return text(await fetched(plane, `${pathOf('other')}/content`)) === 'typed typed ' || step > 1 } catch { return false }
      }, 'what they typed')
      await act(plane)
      await server.kill()
      for (const one of clients) one.destroy()
      const again = await start(t, { driver, dataDir, shards: 2 })
      await isThere(planeOf(again))
      await again.kill()
    }
  })

  on('content is what Yjs says of it, whoever wrote it', async (t, server, plane) => {
    const random = randomFrom(seedOf(t))
    const path = pathOf('content')
    const clients = await both(t, server, 'content')
    const docs = clients.map(one => one.doc ?? one.document)
    const known = docs[0]
    // Something of each kind for certain, the rest by chance.
    const rich = docs[0].getText('text')
    rich.insert(0, 'plain 😀 bold')
    rich.format(6, 2, { bold: true })
    rich.insertEmbed(3, { image: '👩‍👩‍👧' })
    docs[1].getMap('map').set('nested', new Y.Map([['list', Y.Array.from([1, new Y.Text('inner 😀'), { plain: [null, true] }])]]))
    docs[1].getArray('array').push([new Uint8Array([1, 2, 3]), { big: 2n ** 62n, small: 10n, none: undefined }, NaN, { $binary: 'plain' }, 'text'])
    const paragraph = new Y.XmlElement('p')
    docs[0].getXmlFragment('xml').push([paragraph, new Y.XmlText('beside')])
    paragraph.setAttribute('class', 'a "b"')
    paragraph.push([new Y.XmlText('within <&>')])
    for (let round = 0; round < 12; round++) {
      for (let n = 0; round > 0 && n < 25; n++) edit(random, random.pick(docs))
      await converged(docs, doc => content(doc).roots.text)
      await saved(clients[1])
      await until(async () => equal(await fetched(plane, `${path}/content`), known), 'all that was written')
      const said = (await plane.ask('GET', `${path}/content`, { accept: JSON_TYPE })).json()
      const expected = content(known)
      if (expected.roots.xml.value === null) said.roots.xml.value = null
      for (const [name, root] of Object.entries(expected.roots)) {
        // What nobody has written in has no name yet.
        assert.deepEqual(said.roots[name] ?? { type: 'empty' }, JSON.parse(JSON.stringify(root)), `${name} in round ${round}`)
      }
      if (expected.roots.text.type === 'text') {
        assert.equal((await plane.ask('GET', `${path}/content?root=text`, { accept: 'text/plain' })).text(), text(known))
      }
    }
  })

  on('operations do what the same calls do in Yjs', async (t, server, plane) => {
    const path = pathOf('operations')
    const clients = await both(t, server, 'operations')
    const docs = clients.map(one => one.doc ?? one.document)
    const local = new Y.Doc()
    const [rich, map, array, xml] = [local.getText('text'), local.getMap('map'), local.getArray('array'), local.getXmlFragment('xml')]
    const steps = [
      [{ op: 'text_insert', root: 'text', index: 0, text: 'a😀b' }, () => rich.insert(0, 'a😀b')],
      [{ op: 'text_insert', root: 'text', index: 3, text: 'bold', attributes: { bold: true } }, () => rich.insert(3, 'bold', { bold: true })],
      [{ op: 'text_embed', root: 'text', index: 3, value: { image: 'x' }, attributes: {} }, () => rich.insertEmbed(3, { image: 'x' }, {})],
      [{ op: 'text_format', root: 'text', index: 0, length: 4, attributes: { link: { href: '😀' } } },
        () => rich.format(0, 4, { link: { href: '😀' } })],
      [{ op: 'text_format', root: 'text', index: 1, length: 2, attributes: { link: null } }, () => rich.format(1, 2, { link: null })],
      [{ op: 'text_delete', root: 'text', index: 0, length: 1 }, () => rich.delete(0, 1)],
      [{ op: 'text_replace', root: 'text', index: 0, length: 2, text: '👩‍👩‍👧', attributes: {} },
        () => { rich.delete(0, 2); rich.insert(0, '👩‍👩‍👧', {}) }],
      [{ op: 'map_set', root: 'map', key: 'ü', value: { $map: { list: { $array: [1, { $text: 'x😀' }] } } } },
        () => map.set('ü', new Y.Map([['list', Y.Array.from([1, new Y.Text('x😀')])]]))],
      [{ op: 'array_insert', root: 'map', path: ['ü', 'list'], index: 1, values: [{ plain: [null, 1.5] }, 'two'] },
        () => map.get('ü').get('list').insert(1, [{ plain: [null, 1.5] }, 'two'])],
      [{ op: 'text_insert', root: 'map', path: ['ü', 'list', 3], index: 3, text: '!' }, () => map.get('ü').get('list').get(3).insert(3, '!')],
      [{ op: 'map_set', root: 'map', key: 'gone', value: 1 }, () => map.set('gone', 1)],
      [{ op: 'map_delete', root: 'map', key: 'gone' }, () => map.delete('gone')],
      [{ op: 'array_insert', root: 'array', index: 0, values: [1, 2, 3, 4] }, () => array.insert(0, [1, 2, 3, 4])],
      [{ op: 'array_replace', root: 'array', index: 1, length: 2, values: ['😀'] }, () => { array.delete(1, 2); array.insert(1, ['😀']) }],
      [{ op: 'array_delete', root: 'array', index: 0, length: 1 }, () => array.delete(0, 1)],
      [{
        op: 'array_insert',
        root: 'xml',
        index: 0,
        values: [{ $xml: { name: 'p', attributes: { class: 'a' }, children: [{ text: [{ insert: 'in ' }, { insert: 'p', attributes: { b: true } }] }] } }]
      }, () => {
        const [p, inner] = [new Y.XmlElement('p'), new Y.XmlText()]
        p.setAttribute('class', 'a')
        inner.insert(0, 'in ')
        inner.insert(3, 'p', { b: true })
        p.insert(0, [inner])
        xml.insert(0, [p])
      }],
      [{ op: 'map_set', root: 'xml', path: [0], key: 'id', value: 'x' }, () => xml.get(0).setAttribute('id', 'x')]
    ]
    for (const [operation, same] of steps) {
      await plane.ask('PATCH', `${path}/content`, { body: [operation] })
      local.transact(same)
      await until(() => docs.every(doc => JSON.stringify(content(doc)) === JSON.stringify(content(local))),
        () => `${JSON.stringify(operation)}: ${JSON.stringify(content(local))} and not ${JSON.stringify(content(docs[0]))}`)
    }
    // All or none: the second of these is impossible.
    const before = content(local)
    await plane.ask('PATCH', `${path}/content`, {
      status: 422, body: [{ op: 'map_set', root: 'map', key: 'half', value: 1 }, { op: 'text_delete', root: 'text', index: 9_999, length: 1 }]
    })
    // Neither may a position be between the halves of a character.
    const smile = text(local).search(/[\ud800-\udbff]/)
    await plane.ask('PATCH', `${path}/content`, { status: 422, body: [{ op: 'text_insert', root: 'text', index: smile + 1, text: 'x' }] })
    assert.deepEqual(content(await fetched(plane, `${path}/content`)), before)
  })

  on('copies, exports and imports are the same document', async (t, server, plane) => {
    const random = randomFrom(seedOf(t))
    const names = ['archive/a', 'archive/ü 😀 %2F', `archive/${'x'.repeat(200)}`]
    const originals = new Map()
    for (const name of names) {
      const clients = await both(t, server, name)
      const docs = clients.map(one => one.doc ?? one.document)
      docs[0].getText('text').insert(0, name)
      for (let n = 0; n < 60; n++) edit(random, random.pick(docs))
      await converged(docs, text)
      await saved(clients[1])
      await until(async () => equal(await fetched(plane, `${pathOf(name)}/content`), docs[0]), 'all that was written')
      originals.set(name, docs[0])
    }
    const isSame = async (where, name, original) => {
      const doc = await fetched(where, `${pathOf(name)}/content`)
      assert.ok(equal(doc, original), name)
      assert.deepEqual(content(doc), content(original))
    }
    for (const [name, original] of originals) {
      await plane.ask('POST', `${pathOf(name)}/copy`, { status: 201, body: { to: `copy of ${name.slice(0, 100)}` } })
      await isSame(plane, `copy of ${name.slice(0, 100)}`, original)
      await plane.ask('POST', `${pathOf(name)}/copy`, { status: 409, body: { to: `copy of ${name.slice(0, 100)}` } })
    }
    // A copy is another document: what is written in it is not in the first.
    const [copied] = await both(t, server, 'copy of archive/a')
    copied.doc.getText('text').insert(0, 'only here ')
    await until(async () => text(await fetched(plane, `${pathOf('copy of archive/a')}/content`)).startsWith('only here'), 'the edit')
    await isSame(plane, 'archive/a', originals.get('archive/a'))

    const archive = (await plane.ask('GET', '/v1/export?prefix=archive%2F')).bytes
    const folder = join(dataFolder(t), 'archive')
    mkdirSync(folder)
    execFileSync('tar', ['-x', '-C', folder], { input: archive })
    const files = readdirSync(folder).filter(name => name.endsWith('.yjs'))
    assert.deepEqual(files.map(name => decodeURIComponent(name.slice(0, -4))).sort(), [...names].sort())
    for (const file of files) {
      assert.ok(equal(loaded(readFileSync(join(folder, file))), originals.get(decodeURIComponent(file.slice(0, -4)))))
    }
    const other = await start(t, { driver, dataDir: dataFolder(t), shards: 2 })
    const there = planeOf(other)
    // Somebody has it open already, and has written.
    const [live] = await both(t, other, 'archive/a')
    live.doc.getText('text').insert(0, 'there before ')
    await until(async () => (await there.ask('GET', '/v1/documents')).json().documents.length === 1, 'a document')
    const lines = answer => answer.text().trim().split('\n').map(line => JSON.parse(line))
    const tar = { type: 'application/x-tar', body: archive }
    const skipped = lines(await there.ask('POST', '/v1/import?on_conflict=skip', tar))
    assert.deepEqual(skipped.filter(({ result }) => result === 'skipped').map(({ document }) => document), ['archive/a'])
    assert.equal(skipped.at(-1).complete, true)
    for (const [name, original] of originals) if (name !== 'archive/a') await isSame(there, name, original)
    assert.equal(text(live.doc), 'there before ')
    const merged = lines(await there.ask('POST', '/v1/import?on_conflict=merge', tar))
    assert.deepEqual(merged.slice(0, -1).map(({ result }) => result), names.map(() => 'merged'))
    const union = loaded(Y.encodeStateAsUpdate(originals.get('archive/a')), Y.encodeStateAsUpdate(live.doc))
    await until(() => equal(live.doc, union), 'what was imported')
    await isSame(there, 'archive/a', union)
    const one = (await plane.ask('GET', `${pathOf(names[1])}/export`)).bytes
    await there.ask('DELETE', pathOf(names[1]), { status: 204 })
    assert.equal(lines(await there.ask('POST', '/v1/import', { ...tar, body: one }))[0].result, 'created')
    await isSame(there, names[1], originals.get(names[1]))
  })

  on('a document that is deleted while it is written in begins anew', async (t, server, plane) => {
    const path = pathOf('deleted')
    const kept = await both(t, server, 'kept')
    const [y, h] = [yProvider(t, server.url, 'deleted'), provider(t, kept[1].configuration.websocketProvider, 'deleted')]
    await synced(y)
    await saved(h)
    const ends = []
    y.on('closed', ({ code, reason }) => ends.push([code, reason]))
    await plane.ask('POST', `${path}/updates`, { body: Y.encodeStateAsUpdate(y.doc) })
    for (const name of ['one', 'two']) {
      await plane.ask('PATCH', `${path}/content`, { body: [{ op: 'text_insert', root: 'text', index: 0, text: `${name} ` }] })
    }
    await plane.ask('POST', `${path}/versions`, { status: 201, body: { name: 'of the old one' } })
    await converged([y.doc, h.document], text)
    let typing = true
    const typed = [y.doc, h.document].map(async doc => {
      while (typing) {
        doc.getText('text').insert(0, 'typed ')
        await new Promise(resolve => setImmediate(resolve))
      }
    })
    await until(() => text(y.doc).length > 500, 'some text')
    await plane.ask('DELETE', path, { status: 204 })
    await until(() => ends.length === 1 && h.told.closed.length === 1, 'the end of both')
    typing = false
    await Promise.all(typed)
    assert.deepEqual([ends, h.told.closed], [[[4410, 'the document is deleted']], ['the document is deleted']])
    // Nothing that was on its way has made it again, and the other document on the same socket knows nothing of it.
    kept[1].document.getText('text').insert(0, 'goes on')
    await saved(kept[1])
    await converged([kept[0].doc, kept[1].document], text)
    assert.deepEqual([kept[1].told.closed, kept[1].isSynced], [[], true])
    for (const rest of ['', '/content', '/versions', '/sessions']) await plane.ask('GET', path + rest, { status: 404 })
    await plane.ask('DELETE', path, { status: 404 })
    const listed = (await plane.ask('GET', '/v1/documents')).json().documents.map(({ name }) => name)
    assert.deepEqual(listed, ['kept'])

    // Somebody who has nothing begins it anew.
    const anew = yProvider(t, server.url, 'deleted')
    await synced(anew)
    assert.equal(text(anew.doc), '')
    anew.doc.getText('text').insert(0, 'new ')
    await until(async () => {
      try { return text(await fetched(plane, `${path}/content`)) === 'new ' } catch { return false }
    }, 'what was written anew')
    assert.deepEqual((await plane.ask('GET', `${path}/versions`)).json().versions, [])
    // Whoever comes back with a copy brings exactly that.
    const union = loaded(Y.encodeStateAsUpdate(anew.doc), Y.encodeStateAsUpdate(h.document))
    const back = provider(t, socket(t, urlOf(server)), 'deleted', { doc: loaded(Y.encodeStateAsUpdate(h.document)) })
    await saved(back)
    await until(() => equal(anew.doc, union), 'the copy that came back')
    assert.ok(equal(await fetched(plane, `${path}/content`), union))
    y.destroy()
    h.destroy()
  })
}
