// Unmodified clients with tokens: those that are let in work as ever, those that are not are told why and stay away, and those whose
// server does not know its keys yet come back by themselves.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { converged, provider, synced, until } from './lib/clients.mjs'
import { binary, dataFolder, drivers, start } from './lib/server.mjs'

/** What does not come within this never comes. */
const TEST_MS = 180_000

/** A token as an operator makes one. */
const issue = (signer, documents, ttl = '1h', sub = 'user-1') => execFileSync(binary, [
  'token', ...signer, '--sub', sub, '--ttl', ttl, ...documents.flatMap(document => ['--document', document])
], { encoding: 'utf8', env: {} }).trim()

/** Resolves with the code and the reason with which a provider is told to stay away. */
const sentAway = one => new Promise(resolve => one.once('closed', resolve))

/** What the client prints of refusals. */
function warnings (t) {
  const said = []
  t.mock.method(console, 'warn', text => said.push(text))
  return said
}

for (const driver of drivers) {
  test(`${driver}: tokens let clients in, keep them out, and end`, { timeout: TEST_MS }, async t => {
    const said = warnings(t)
    const dataDir = dataFolder(t)
    const secret = join(dataDir, 'secret')
    const revoked = join(dataDir, 'revoked')
    writeFileSync(secret, randomBytes(32).toString('hex') + '\n')
    writeFileSync(revoked, '')
    const server = await start(t, { driver, dataDir: join(dataDir, 'data'), authSecretFile: secret, authRevokedFile: revoked, authLeewayMs: 0 })
    const signer = ['--auth-secret-file', secret]
    // The client puts the name into the address as it is.
    const connect = (name, token, options) => provider(t, server.url, encodeURIComponent(name), { params: token ? { token } : {}, ...options })

    // As a parameter, and as a subprotocol.
    const token = issue(signer, ['notes/*=write'])
    const writers = [connect('notes/a', token), connect('notes/a', null, { protocols: ['bearer', token] })]
    await synced(...writers)
    writers[0].doc.getText('text').insert(0, 'hello')
    await converged(writers.map(one => one.doc), doc => doc.getText('text').toString())

    // A reader sees it, and is told that it cannot change it.
    const reader = connect('notes/a', issue(signer, ['notes/a=read']))
    await synced(reader)
    assert.equal(reader.doc.getText('text').toString(), 'hello')
    reader.doc.getText('text').insert(0, 'not ')
    await until(() => said.some(text => text.includes('not change')), 'the reason')
    assert.equal(writers[1].doc.getText('text').toString(), 'hello')

    const cases = [
      [connect('notes/a'), 4401, 'a token is needed'],
      [connect('notes/a', token.slice(0, -3)), 4401, 'not signed'],
      [connect('notes/a', issue(signer, ['*=write'], '1s')), 4401, 'expired'],
      [connect('others/a', token), 4403, 'does not allow this document']
    ]
    // All of them listen from the start: they end in any order.
    const ends = cases.map(([one]) => sentAway(one))
    for (const [number, [one, code, reason]] of cases.entries()) {
      const closed = await ends[number]
      assert.equal(closed.code, code)
      assert.ok(closed.reason.includes(reason), closed.reason)
      assert.equal(one.shouldConnect, false)
    }
    assert.ok(said.some(text => text.includes('a token is needed')))

    const leaving = connect('notes/a', issue(signer, ['notes/*=write'], '1h', 'user-2'))
    await synced(leaving)
    const gone = sentAway(leaving)
    writeFileSync(revoked, 'user-2\n')
    assert.equal((await gone).code, 4401)
    assert.ok(writers.every(one => one.wsconnected))
  })
}

test('clients come back by themselves to a server that does not know its keys yet', { timeout: TEST_MS }, async t => {
  const said = warnings(t)
  const dataDir = dataFolder(t)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = join(dataDir, 'key.pem')
  writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'first', use: 'sig' }] })
  let published = false
  const issuer = createServer((request, response) => response.writeHead(published ? 200 : 503).end(published ? keys : ''))
  t.after(() => { issuer.closeAllConnections(); issuer.close() })
  await new Promise(resolve => issuer.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${issuer.address().port}/keys`
  const server = await start(t, { dataDir: join(dataDir, 'data'), authJwksUrl: url })
  const token = issue(['--key', pem, '--kid', 'first'], ['*=write'])
  const client = provider(t, server.url, 'notes', { params: { token } })
  await until(() => said.some(text => text.includes('not known yet')), 'the first refusal')
  assert.equal(client.shouldConnect, true)
  published = true
  await synced(client)
})
