// Unmodified Hocuspocus clients with tokens: every document is let in, kept out, refreshed and ended by itself, and what one may not do
// stays without effect for all others.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { createSign, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import * as Y from 'yjs'
import { provider as yProvider, synced, until } from './lib/clients.mjs'
import { provider, saved, socket, urlOf } from './lib/hocuspocus.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { guarded, issuer } from './lib/tokens.mjs'

/** What does not come within this never comes. */
const TEST_MS = 120_000

const text = doc => doc.getText('text').toString()
const type = (one, words) => one.document.getText('text').insert(one.document.getText('text').length, words)
const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)

/** The server has dealt with everything that this provider said before. */
async function settled (one) {
  let messages = 0
  const count = () => { messages++ }
  one.on('message', count)
  one.forceSync()
  await until(() => messages > 0, 'an answer')
  one.off('message', count)
}

/** What a witness with a socket of its own sees. */
async function stored (t, server, issue, name) {
  const witness = provider(t, socket(t, urlOf(server)), name, { token: issue({ '*': 'read' }, { sub: 'witness' }) })
  await saved(witness)
  const shown = text(witness.document)
  witness.destroy()
  return shown
}

for (const driver of drivers) {
  const on = (name, body) => test(`${driver}: ${name}`, { timeout: TEST_MS }, body)

  on('tokens say what each document of a socket may', async t => {
    const { server, issue } = await guarded(t, { driver })
    const one = socket(t, urlOf(server))
    const writer = provider(t, one, 'notes/a', { token: issue({ 'notes/*': 'write' }) })
    const reader = provider(t, one, 'notes/b', { token: async () => issue({ 'notes/b': 'read' }) })
    const commenter = provider(t, one, 'notes/c', { token: issue({ 'notes/*': 'read', 'notes/c': 'comment' }) })
    await saved(writer, reader, commenter)
    assert.deepEqual([writer, reader, commenter].map(it => it.told.authenticated), [['read-write'], ['readonly'], ['readonly']])
    type(writer, 'hello')
    await saved(writer)
    assert.equal(await stored(t, server, issue, 'notes/a'), 'hello')

    // Whoever may comment may say something stateless; whoever may read is told that not.
    commenter.sendStateless('a remark')
    reader.sendStateless('a remark')
    await until(() => reader.told.failed.length === 1, 'the refusal')
    assert.match(reader.told.failed[0], /not comment/)
    await settled(commenter)
    assert.deepEqual([commenter.told.failed, reader.told.closed], [[], []])
  })

  on('who is denied a document is told why, and the others on the socket go on', async t => {
    const { server, issue } = await guarded(t, { driver })
    const one = socket(t, urlOf(server))
    let closes = 0
    one.on('close', () => { closes++ })
    const good = provider(t, one, 'notes/good', { token: issue({ 'notes/*': 'write' }) })
    await saved(good)
    const cases = [
      ['none', null, /a token is needed/], ['junk', 'junk', /malformed/],
      ['forged', issuer('a secret of somebody else, long enough')({ '*': 'write' }), /not signed/],
      ['expired', issue({ '*': 'write' }, { ttl: -1 }), /expired/],
      ['other', issue({ 'others/*': 'write' }), /does not allow this document/]
    ]
    const denied = cases.map(([name, token]) => provider(t, one, `notes/${name}`, { token }))
    for (const [number, [name, , reason]] of cases.entries()) {
      await until(() => denied[number].told.failed.length > 0, name)
      assert.match(denied[number].told.failed[0], reason)
      assert.equal(denied[number].isAuthenticated, false)
    }
    for (const each of denied) type(each, 'not let in')
    type(good, 'goes on')
    await saved(good)
    for (const each of denied) {
      assert.ok(each.unsyncedChanges > 0)
      assert.equal(each.isSynced, false)
      assert.equal(await stored(t, server, issue, each.configuration.name), '')
    }
    // Another provider of the same name on the same socket, with a better token.
    const retry = provider(t, one, 'notes/other', { token: issue({ 'notes/*': 'write' }) })
    await saved(retry)
    type(retry, 'let in')
    await saved(retry)
    assert.equal(await stored(t, server, issue, 'notes/other'), 'let in')
    // The same provider, which begins to sync before its token is there; what it wrote meanwhile arrives.
    let asked = 0
    const again = provider(t, one, 'notes/again', {
      token: async () => ++asked === 1 ? 'junk' : issue({ 'notes/*': 'write' }),
      onAuthenticationFailed () { type(again, 'meanwhile'); again.sendToken(); again.startSync() }
    })
    await saved(again)
    assert.deepEqual([asked, again.isAuthenticated, closes], [2, true, 0])
    assert.equal(await stored(t, server, issue, 'notes/again'), 'meanwhile')
    type(good, ', all the time')
    await saved(good)
  })

  on('a document that was denied may be typed into for ever without harm to others', async t => {
    const { server, issue } = await guarded(t, { driver, tokenQueueMessagesMax: 20, tokenQueueBytesMax: 4_096, tokenTimeoutMs: 5_000 })
    const one = socket(t, urlOf(server))
    const good = provider(t, one, 'notes/good', { token: issue({ 'notes/*': 'write' }) })
    const denied = provider(t, one, 'others/a', { token: issue({ 'notes/*': 'write' }) })
    await saved(good)
    await until(() => denied.told.failed.length === 1, 'the denial')
    for (let n = 0; n < 500; n++) type(denied, `${n} `)
    type(good, 'still here')
    await saved(good)
    assert.deepEqual([good.told.closed, denied.told.closed, denied.told.failed.length], [[], [], 1])
    assert.equal(await stored(t, server, issue, 'others/a'), '')
  })

  on('a token in the address is for documents that bring none', async t => {
    const { server, issue } = await guarded(t, { driver, sessionsPerUserMax: 2 })
    const token = issue({ 'notes/*': 'write' })
    const one = socket(t, `${urlOf(server)}?token=${token}`)
    const [a, b] = ['a', 'b'].map(name => provider(t, one, `notes/${name}`, { token: null }))
    await saved(a, b)
    type(a, 'by address')
    await saved(a)
    // It is no key to what the token does not name; and a token of the document's own counts for it alone.
    const other = provider(t, one, 'others/a', { token: null })
    const own = provider(t, one, 'others/b', { token: issue({ 'others/b': 'read' }, { sub: 'user-2' }) })
    await until(() => other.told.failed.length === 1, 'the denial')
    assert.match(other.told.failed[0], /does not allow/)
    await saved(own)
    assert.deepEqual([a.told.authenticated, own.told.authenticated], [['read-write'], ['readonly']])
    // A bad one in the address lets nobody in at all, and its client is told so.
    const codes = []
    const bad = socket(t, `${urlOf(server)}?token=${token.slice(0, -3)}`)
    bad.on('close', ({ event }) => codes.push(event.code))
    await until(() => codes.length > 0, 'the end')
    assert.equal(codes[0], 4401)
    bad.destroy()
  })

  on('what a reader writes is refused, stays unsaved, and is seen by nobody', async t => {
    const { server, issue } = await guarded(t, { driver })
    const writer = provider(t, socket(t, urlOf(server)), 'notes', { token: issue({ notes: 'write' }) })
    const y = yProvider(t, server.url, 'notes', { params: { token: issue({ notes: 'read' }, { sub: 'user-2' }) } })
    await saved(writer)
    type(writer, 'base')
    await saved(writer)
    await synced(y)
    const base = Y.encodeStateAsUpdate(writer.document)
    const witnesses = [writer.document, y.doc]

    const statuses = one => {
      const seen = []
      one.on('message', ({ message }) => { message.readVarString(); if (message.readVarUint() === 8) seen.push(message.readVarUint()) })
      return seen
    }
    const reader = name => provider(t, socket(t, urlOf(server)), name, { token: issue({ '*': 'read' }, { sub: 'reader' }) })
    const first = reader('notes')
    const seen = statuses(first)
    await saved(first)
    assert.equal(text(first.document), 'base')
    type(first, ' and more')
    await until(() => seen.includes(0), 'the refusal')
    assert.equal(first.unsyncedChanges, 1)
    assert.equal(first.authorizedScope, 'readonly')
    // It goes on to read.
    type(writer, '!')
    await until(() => text(first.document).includes('!'), 'what others write')
    await settled(first)
    assert.ok(first.hasUnsyncedChanges)

    // What was written before it came, and what was deleted.
    const added = new Y.Doc()
    Y.applyUpdate(added, base)
    added.getText('text').insert(0, 'mine ')
    const removed = new Y.Doc()
    Y.applyUpdate(removed, base)
    removed.getText('text').delete(0, 2)
    for (const doc of [added, removed]) {
      const one = provider(t, socket(t, urlOf(server)), 'notes', { doc, token: issue({ '*': 'read' }) })
      const told = statuses(one)
      await until(() => told.includes(0), 'the refusal')
      await settled(one)
      assert.ok(one.hasUnsyncedChanges)
    }
    // Who has nothing of its own has nothing unsaved.
    await saved(reader('notes'))
    assert.deepEqual(witnesses.map(text), ['base!', 'base!'])
    assert.equal(await stored(t, server, issue, 'notes'), 'base!')
  })

  on('a token that ends is asked for again, and the session goes on', async t => {
    const { server, issue } = await guarded(t, { driver, tokenRefreshMs: 60_000 })
    const one = socket(t, urlOf(server))
    let asked = 0
    const refreshed = provider(t, one, 'notes/a', { token: () => { asked++; return issue({ 'notes/*': 'write' }, { ttl: 5 }) } })
    // It has the same token for ever.
    const token = issue({ 'notes/*': 'write' }, { ttl: 9 })
    const ended = provider(t, one, 'notes/b', { token: () => token })
    await saved(refreshed, ended)
    type(ended, 'in time')
    await saved(ended)
    await until(() => ended.told.closed.length > 0, 'the end of the token')
    assert.match(ended.told.closed[0], /expired/)
    type(ended, ' too late')
    // Three lives of a token.
    await until(() => asked >= 5, 'further tokens')
    type(refreshed, 'still here')
    await saved(refreshed)
    assert.deepEqual([refreshed.told.closed, refreshed.told.failed, ended.told.closed.length], [[], [], 1])
    assert.ok(ended.unsyncedChanges > 0)
    assert.equal(await stored(t, server, issue, 'notes/b'), 'in time')
    assert.equal(await stored(t, server, issue, 'notes/a'), 'still here')
  })

  on('rights change with the next token', async t => {
    const { server, issue } = await guarded(t, { driver, tokenRefreshMs: 60_000 })
    const one = socket(t, urlOf(server))
    const rights = { a: 'write', b: 'read' }
    const of = name => provider(t, one, name, { token: () => issue({ [name]: rights[name] }, { ttl: 6 }) })
    const [falls, rises] = [of('a'), of('b')]
    await saved(falls, rises)
    type(falls, 'while it may')
    type(rises, 'before it may')
    await saved(falls)
    await settled(rises)
    assert.ok(rises.hasUnsyncedChanges)
    rights.a = 'read'
    rights.b = 'write'
    await until(() => falls.told.authenticated.at(-1) === 'readonly' && rises.told.authenticated.at(-1) === 'read-write', 'other rights')
    type(falls, ' and later')
    rises.forceSync()
    await saved(rises)
    await settled(falls)
    assert.ok(falls.hasUnsyncedChanges)
    assert.equal(await stored(t, server, issue, 'a'), 'while it may')
    assert.equal(await stored(t, server, issue, 'b'), 'before it may')
    assert.deepEqual([falls.told.closed, rises.told.closed], [[], []])
  })

  on('who is revoked loses every document, and nobody else does', async t => {
    const { server, issue, revoke } = await guarded(t, { driver })
    const shared = socket(t, urlOf(server))
    const of = (on, name, sub) => provider(t, on, name, { token: issue({ '*': 'write' }, { sub }) })
    const leaving = ['a', 'b', 'c'].map(name => of(shared, name, 'user-9'))
    const beside = of(shared, 'd', 'user-2')
    const elsewhere = of(socket(t, urlOf(server)), 'a', 'user-2')
    await saved(...leaving, beside, elsewhere)
    revoke('user-9')
    await until(() => leaving.every(one => one.told.closed.length === 1), 'the end of its documents')
    for (const one of leaving) assert.match(one.told.closed[0], /revoked/)
    type(leaving[0], 'revoked')
    const back = of(shared, 'e', 'user-9')
    await until(() => back.told.failed.length === 1, 'the denial')
    for (const one of [beside, elsewhere]) type(one, 'stays')
    await saved(beside, elsewhere)
    assert.deepEqual([beside.told.closed, elsewhere.told.closed], [[], []])
    assert.equal(await stored(t, server, issue, 'a'), 'stays')
  })

  on('a user with as many sessions as allowed is refused one document, not the socket', async t => {
    const { server, issue } = await guarded(t, { driver, sessionsPerUserMax: 3 })
    const one = socket(t, `${urlOf(server)}?token=${issue({ '*': 'write' })}`)
    const of = name => provider(t, one, name)
    const [a, b, c] = ['a', 'b', 'c'].map(of)
    await saved(a, b, c)
    const refused = of('d')
    await until(() => refused.told.failed.length === 1, 'the refusal')
    assert.match(refused.told.failed[0], /3 sessions/)
    for (const each of [a, b, c]) type(each, 'goes on')
    await saved(a, b, c)
    b.destroy()
    // Its place is free when the server has heard that.
    let again = of('e')
    await until(() => {
      if (again.told.failed.length > 0) { again.destroy(); again = of('e') }
      return again.isSynced
    }, 'a place')
    assert.deepEqual([a.told.closed, c.told.closed], [[], []])
  })

  on('or loses the oldest document for the newest', async t => {
    const { server, issue } = await guarded(t, { driver, sessionsPerUserMax: 2, perUserAtLimit: 'close-oldest' })
    const one = socket(t, `${urlOf(server)}?token=${issue({ '*': 'write' })}`)
    let closes = 0
    one.on('close', () => { closes++ })
    const a = provider(t, one, 'a')
    await saved(a)
    const b = provider(t, one, 'b')
    await saved(b)
    const c = provider(t, socket(t, urlOf(server)), 'c', { token: issue({ '*': 'write' }) })
    await saved(c)
    await until(() => a.told.closed.length === 1, 'the oldest')
    assert.match(a.told.closed[0], /newer/)
    for (const each of [b, c]) type(each, 'goes on')
    await saved(b, c)
    assert.deepEqual([b.told.closed, c.told.closed, closes], [[], [], 0])
    // Another token of the same user for the same document takes no further place.
    for (let n = 0; n < 5; n++) await b.sendToken()
    await settled(b)
    await settled(c)
    assert.deepEqual([b.told.closed, c.told.closed], [[], []])
  })

  on('clients come back by themselves to a server that does not know its keys yet', async t => {
    const dataDir = dataFolder(t)
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'first', use: 'sig' }] })
    let published = false
    const publisher = createServer((request, response) => response.writeHead(published ? 200 : 503).end(published ? keys : ''))
    t.after(() => { publisher.closeAllConnections(); publisher.close() })
    await new Promise(resolve => publisher.listen(0, '127.0.0.1', resolve))
    const server = await start(t, { driver, dataDir, authJwksUrl: `http://127.0.0.1:${publisher.address().port}/keys` })
    const said = `${part({ alg: 'ES256', kid: 'first' })}.${part({ sub: 'user-1', exp: seconds() + 600, selvedge: { documents: { '*': 'write' } } })}`
    const signature = createSign('sha256').update(said).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
    const one = socket(t, urlOf(server))
    const codes = []
    one.on('close', ({ event }) => codes.push(event.code))
    const a = provider(t, one, 'a', { token: `${said}.${signature}` })
    await until(() => codes.length >= 2, 'two refusals')
    assert.deepEqual([...new Set(codes)], [1013])
    assert.deepEqual(a.told.failed, [])
    published = true
    await saved(a)
    type(a, 'hello')
    await saved(a)
  })
}
