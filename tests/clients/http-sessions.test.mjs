// Who has a document open, told and ended over HTTP: sessions of unmodified clients of both kinds, stateless messages, events, and what
// a token for a document may do of all this.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { both } from './lib/both.mjs'
import { connected, converged, provider as yProvider, synced, until } from './lib/clients.mjs'
import { provider, saved, socket, urlOf } from './lib/hocuspocus.mjs'
import { pathOf, planeOf } from './lib/plane.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { guarded } from './lib/tokens.mjs'

const text = doc => doc.getText('text').toString()
const docOf = one => one.doc ?? one.document
const named = (one, name) => one.awareness.setLocalStateField('user', { name })
const sessionsOf = async (plane, path) => (await plane.ask('GET', `${path}/sessions`)).json().sessions
/** The session in which a client announces itself. */
const sessionOf = (sessions, one) => sessions.find(({ awareness }) => awareness.some(({ client }) => client === docOf(one).clientID))

/** Counts how often a client lost its document. */
function ends (one) {
  if (one.told) return () => one.told.closed.length
  let count = 0
  one.on('connection-close', event => { if (event) count++ })
  return () => count
}

for (const driver of drivers) {
  const on = (name, body) => test(`${driver}: ${name}`, { timeout: 180_000 }, body)

  on('sessions are listed with subject, dialect and awareness', async t => {
    const { server, issue } = await guarded(t, { driver })
    const admin = planeOf(server, issue({}, { sub: 'root', admin: true }))
    const path = pathOf('notes/1')
    const clients = await both(t, server, 'notes/1', issue({ 'notes/*': 'write' }, { sub: 'ada' }), issue({ 'notes/*': 'read' }, { sub: 'ben' }))
    const [y, h] = clients
    named(y, 'Ada 😀')
    named(h, 'Ben')
    const listed = () => sessionsOf(admin, path)
    await until(async () => (await listed()).every(({ awareness }) => awareness[0]?.state?.user), 'what they say of themselves')
    const about = ({ subject, dialect, access, awareness, address }) => ({ subject, dialect, access, awareness, address })
    const [ofY, ofH] = [sessionOf(await listed(), y), sessionOf(await listed(), h)]
    assert.deepEqual([about(ofY), about(ofH)], [
      { subject: 'ada', dialect: 'y-websocket', access: 'write', awareness: [{ client: y.doc.clientID, state: { user: { name: 'Ada 😀' } } }], address: '127.0.0.1' },
      { subject: 'ben', dialect: 'hocuspocus', access: 'read', awareness: [{ client: h.document.clientID, state: { user: { name: 'Ben' } } }], address: '127.0.0.1' }
    ])
    assert.equal((await admin.ask('GET', path)).json().sessions, 2)
    // A reader sees the same awareness, and not whose sessions these are.
    const seen = await sessionsOf(planeOf(server, issue({ 'notes/*': 'read' }, { sub: 'eve' })), path)
    assert.deepEqual(seen.map(({ subject, address }) => [subject, address]), [[undefined, undefined], [undefined, undefined]])
    assert.deepEqual(sessionOf(seen, y).awareness, ofY.awareness)
    // What is said anew is shown, and who leaves is gone.
    named(h, 'Benjamin')
    await until(async () => sessionOf(await listed(), h).awareness[0].state.user.name === 'Benjamin', 'the other name')
    y.disconnect()
    await until(async () => (await listed()).length === 1, 'one session')
    h.configuration.websocketProvider.disconnect()
    await until(async () => (await listed().catch(() => [])).length === 0, 'no session')
  })

  on('one session is dismissed, and then all of a user', async t => {
    const { server, issue } = await guarded(t, { driver })
    const admin = planeOf(server, issue({}, { sub: 'root', admin: true }))
    const token = sub => issue({ '*': 'write' }, { sub })
    const name = 'dismissed'
    // Two documents of ada on one socket, one of ada and one of ben on y-websocket, and ben on a socket of his own.
    const shared = socket(t, urlOf(server))
    const adas = [
      provider(t, shared, name, { token: token('ada') }), provider(t, shared, 'other', { token: token('ada') }),
      yProvider(t, server.url, name, { params: { token: token('ada') } })
    ]
    const bens = await both(t, server, name, token('ben'))
    await synced(adas[2])
    await saved(adas[0], adas[1])
    const all = [...adas, ...bens]
    for (const one of all) named(one, 'here')
    const counts = all.map(ends)
    const ended = () => counts.map(count => count())
    const path = pathOf(name)
    const found = async one => until(async () => sessionOf(await sessionsOf(admin, path), one), 'its session')

    // Ada's session on the shared socket: the other document of the socket goes on, and so do all others.
    const session = await found(adas[0])
    await admin.ask('DELETE', `${path}/sessions/${session.id}`, { status: 204 })
    await until(() => counts[0]() === 1, 'the end of one')
    assert.match(adas[0].told.closed[0], /administrator/)
    await admin.ask('DELETE', `${path}/sessions/${session.id}`, { status: 404 })
    adas[1].document.getText('text').insert(0, 'goes on')
    await saved(adas[1])
    bens[0].doc.getText('text').insert(0, 'still here ')
    await converged([adas[2], ...bens].map(docOf), text)
    assert.deepEqual(ended(), [1, 0, 0, 0, 0])

    // Ben's on y-websocket: it is told to come again, and does.
    await admin.ask('DELETE', `${path}/sessions/${(await found(bens[0])).id}`, { status: 204 })
    await until(() => counts[3]() === 1, 'the end of another')
    await connected(bens[0])
    await synced(bens[0])
    bens[0].doc.getText('text').insert(0, 'back ')
    await converged([adas[2], ...bens].map(docOf), text)
    assert.deepEqual(ended(), [1, 0, 0, 1, 0])

    // All of ada, on every document and in both dialects; ben's stay.
    await admin.ask('DELETE', '/v1/users/ada/sessions')
    await until(() => counts[1]() >= 1 && counts[2]() >= 1, 'the end of all of hers')
    bens[0].doc.getText('text').insert(0, 'ben alone ')
    await converged(bens.map(docOf), text)
    assert.deepEqual([counts[3](), counts[4]()], [1, 0])
    // She may come again, until she is revoked.
    await connected(adas[2])
    await synced(adas[2])
    await converged([adas[2], ...bens].map(docOf), text)
    const sentAway = new Promise(resolve => adas[2].once('closed', resolve))
    await admin.ask('POST', '/v1/users/ada/revoke', { status: 204 })
    assert.equal((await sentAway).code, 4401)
    assert.equal(adas[2].shouldConnect, false)
    assert.deepEqual([counts[3](), counts[4]()], [1, 0])
    await planeOf(server, token('ada')).ask('GET', path, { status: 401 })
  })

  on('a stateless message arrives at the Hocuspocus clients of its document and at nobody else', async t => {
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 3 })
    const plane = planeOf(server)
    const noise = []
    t.mock.method(console, 'error', (...said) => noise.push(said))
    const [y, h] = await both(t, server, 'told')
    const beside = provider(t, h.configuration.websocketProvider, 'not told')
    const further = provider(t, socket(t, urlOf(server)), 'told')
    await saved(beside, further)
    const types = []
    y.ws.addEventListener('message', ({ data }) => types.push(new Uint8Array(data)[0]))
    const payload = JSON.stringify({ say: 'ü 😀', long: 'x'.repeat(70_000) })
    for (let n = 0; n < 3; n++) {
      const told = (await plane.ask('POST', `${pathOf('told')}/stateless`, { body: { payload: `${n}${payload}` } })).json()
      assert.equal(told.delivered, true)
    }
    await until(() => h.told.stateless.length >= 3 && further.told.stateless.length >= 3, 'three messages each')
    // What is said behind it has arrived everywhere, and nothing of it twice or elsewhere.
    h.document.getText('text').insert(0, 'behind')
    await converged([y, h, further].map(docOf), text)
    beside.document.getText('text').insert(0, 'behind')
    await saved(beside)
    const expected = [0, 1, 2].map(n => `${n}${payload}`)
    assert.deepEqual([h, further, beside].map(one => one.told.stateless), [expected, expected, []])
    assert.ok(types.length > 0 && types.every(type => type === 0 || type === 1), `${types}`)
    assert.deepEqual(noise, [])
    assert.deepEqual((await plane.ask('POST', `${pathOf('nobody')}/stateless`, { body: { payload: '' } })).json(), { delivered: false })
    await plane.ask('GET', pathOf('nobody'), { status: 404 })
  })

  on('what clients do is told as events', async t => {
    const { server, issue } = await guarded(t, { driver })
    const admin = planeOf(server, issue({}, { sub: 'root', admin: true }))
    const { told, one } = await admin.events(t, 'opened', 'closed', 'created', 'changed', 'stateless')
    const [y, h] = await both(t, server, 'events/ü', issue({ '*': 'write' }, { sub: 'ada' }), issue({ '*': 'write' }, { sub: 'ben' }))
    const document = 'events/ü'
    const opened = [
      await one('opened', { document, subject: 'ada', dialect: 'y-websocket', address: '127.0.0.1' }),
      await one('opened', { document, subject: 'ben', dialect: 'hocuspocus' })
    ]
    y.doc.getText('text').insert(0, 'first')
    await one('created', { document })
    await converged([y, h].map(docOf), text)
    h.document.getText('text').insert(0, 'second')
    await saved(h)
    const { sequence } = (await admin.ask('GET', pathOf(document))).json()
    await one('changed', { document, sequence })
    h.sendStateless('ü 😀')
    await one('stateless', { document, subject: 'ben', session: opened[1].session, payload: 'ü 😀', bytes: Buffer.byteLength('ü 😀') })
    // Of a message over HTTP nobody is told here: it is no client's.
    await admin.ask('POST', `${pathOf(document)}/stateless`, { body: { payload: 'by a program' } })
    await until(() => h.told.stateless.includes('by a program'), 'the message')
    await admin.ask('DELETE', `${pathOf(document)}/sessions/${opened[1].session}`, { status: 204 })
    y.disconnect()
    const closed = [await one('closed', { session: opened[0].session }), await one('closed', { session: opened[1].session })]
    assert.deepEqual(closed.map(({ document, subject, dialect }) => [document, subject, dialect]),
      [[document, 'ada', 'y-websocket'], [document, 'ben', 'hocuspocus']])
    assert.match(closed[1].reason, /administrator/)
    for (const { duration_ms: duration } of closed) assert.ok(duration >= 0)
    assert.deepEqual(told.filter(({ type }) => type === 'stateless').map(({ payload }) => payload), ['ü 😀'])
    assert.equal(new Set(told.map(({ id }) => id)).size, told.length)
    assert.equal(told.filter(({ type }) => type === 'created').length, 1)
  })

  on('a token for documents may do what its right says, here and there', async t => {
    const { server, issue } = await guarded(t, { driver })
    const admin = planeOf(server, issue({}, { sub: 'root', admin: true }))
    const path = pathOf('mine/1')
    const [y] = await both(t, server, 'mine/1', issue({ 'mine/*': 'write' }))
    y.doc.getText('text').insert(0, 'hello')
    const version = await until(async () => (await admin.ask('POST', `${path}/versions`, { status: 201, body: {} }).catch(() => null))?.json(), 'a version')
    await admin.ask('PUT', pathOf('theirs/1'), { status: 201 })
    const tar = (await admin.ask('GET', `${path}/export`)).bytes
    named(y, 'here')
    const [session] = await sessionsOf(admin, path)
    const noUpdate = Y.encodeStateAsUpdate(new Y.Doc())
    // Method, path, the least right, and a body.
    const requests = [
      ['GET', path, 'read'], ['GET', `${path}/content`, 'read'], ['GET', `${path}/sessions`, 'read'], ['GET', `${path}/export`, 'read'],
      ['GET', `${path}/versions`, 'read'], ['GET', `${path}/versions/${version.id}`, 'read'], ['GET', `${path}/versions/${version.id}/content`, 'read'],
      ['GET', `${path}/versions/${version.id}/compare`, 'read'],
      ['POST', `${path}/stateless`, 'comment', { payload: 'x' }],
      ['PUT', path, 'write'], ['POST', `${path}/updates`, 'write', noUpdate], ['PATCH', `${path}/content`, 'write', []],
      ['POST', `${path}/versions`, 'write', { name: 'x' }], ['POST', `${path}/versions/${version.id}/restore`, 'write'],
      ['POST', `${path}/copy`, 'write', { to: 'mine/2' }],
      ['POST', `${path}/copy`, 'admin', { to: 'mine/2', overwrite: true }], ['DELETE', `${path}/versions/${version.id}`, 'admin'],
      ['DELETE', `${path}/sessions/${session.id}`, 'admin'], ['DELETE', '/v1/users/nobody/sessions', 'admin'], ['POST', '/v1/users/nobody/revoke', 'admin'],
      ['GET', '/v1/events', 'admin'], ['GET', '/v1/settings', 'admin'], ['PATCH', '/v1/settings', 'admin', {}], ['GET', '/metrics', 'admin'],
      ['GET', '/status', 'admin'], ['GET', '/v1/webhooks', 'admin'], ['POST', '/v1/checkpoints', 'admin'], ['DELETE', path, 'admin']
    ]
    const rights = ['none', 'read', 'comment', 'write', 'admin']
    const planes = rights.slice(1, 4).map(right => [right, planeOf(server, issue({ 'mine/*': right }, { sub: right }))])
    const elsewhere = planeOf(server, issue({ 'theirs/*': 'write' }, { sub: 'elsewhere' }))
    const status = async (plane, method, path, body) => (await plane.ask(method, path, { status: null, body })).status
    for (const [method, path, least, body] of requests) {
      assert.equal(await status(planeOf(server), method, path, body), 401, `${method} ${path} without a token`)
      assert.equal(await status(elsewhere, method, path, body), 403, `${method} ${path} with a token for others`)
      for (const [right, plane] of planes) {
        const got = await status(plane, method, path, body)
        const may = rights.indexOf(right) >= rights.indexOf(least)
        assert.ok(may ? got >= 200 && got < 300 : got === 403, `${method} ${path} with ${right}: ${got}`)
      }
    }
    // A copy needs a right on both ends, and lists and exports show only what may be read.
    const [reader, , writer] = planes.map(([, plane]) => plane)
    await writer.ask('POST', `${path}/copy`, { status: 403, body: { to: 'theirs/2' } })
    await elsewhere.ask('POST', `${pathOf('theirs/1')}/copy`, { status: 403, body: { to: 'mine/3' } })
    assert.deepEqual((await reader.ask('GET', '/v1/documents')).json().documents.map(({ name }) => name), ['mine/1', 'mine/2'])
    assert.deepEqual((await elsewhere.ask('GET', '/v1/documents')).json().documents.map(({ name }) => name), ['theirs/1'])
    assert.ok(!Buffer.from((await elsewhere.ask('GET', '/v1/export')).bytes).includes('mine'))
    const lines = (await elsewhere.ask('POST', '/v1/import?on_conflict=merge', { type: 'application/x-tar', body: tar })).text().split('\n')
    const [entry, sum] = lines.map(line => line && JSON.parse(line))
    assert.deepEqual([entry.result, entry.status, sum.created, sum.merged], ['failed', 403, 0, 0])
    // Nothing of what was refused has had an effect, and the same tokens do the same for clients.
    const [clientReader, hReader] = await both(t, server, 'mine/1', issue({ 'mine/*': 'read' }))
    assert.deepEqual([text(clientReader.doc), text(hReader.document), y.synced], ['hello', 'hello', true])
    assert.equal((await admin.ask('GET', `${path}/content?root=text`, { accept: 'text/plain' })).text(), 'hello')
  })
}
