// Requests that no client should send, and pieces that arrive in the worst places: every one gets an answer, or an end in time.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { provider, synced, until } from './lib/clients.mjs'
import { awareness, frame, Raw, syncStep1, update, upgradeHead } from './lib/raw.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { residentBytes, Witness } from './lib/witness.mjs'

const descriptors = pid => readdirSync(`/proc/${pid}/fd`).length

for (const driver of drivers) {
  const on = (name, body, settings = {}) => test(`${driver}: ${name}`, { timeout: 120_000 }, async t => {
    const options = { driver, dataDir: dataFolder(t), shards: 4, ...settings }
    await body(t, await start(t, options), options)
  })

  on('each odd request gets its answer, and a document is named by one whole segment', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const get = (path, headers = '') => `GET ${path} HTTP/1.1\r\nHost: test\r\n${headers}\r\n`
    const cases = [
      [101, upgradeHead('/yjs/plain')],
      [101, upgradeHead('/yjs/' + 'n'.repeat(256))],
      [101, upgradeHead('/yjs/' + '%C3%A4'.repeat(128))],
      [101, upgradeHead('/yjs/%2e%2e%2fa')],
      [101, upgradeHead('/yjs/a%2Fb')],
      [101, upgradeHead('/yjs/a?token=%zz&x=/../')],
      [400, upgradeHead('/yjs/')],
      [400, upgradeHead('/yjs/' + 'n'.repeat(257))],
      [400, upgradeHead('/yjs/' + '%C3%A4'.repeat(129))],
      ...['%', '%2', '%zz', '%00', '%0a', '%1f', '%7f', '%ff', '%c3', '%ed%a0%80', '%c0%80', '.', '..', '%2e%2e'].map(name => [400, upgradeHead(`/yjs/${name}`)]),
      ...['/', '//', '//yjs/a', '/yjs//a', '/yjs/a/', '/yjs/a/b', '/yjs/../x', '/YJS/a', '/yjs', '/../../etc/passwd'].map(path => [404, upgradeHead(path)]),
      [426, get('/yjs/a')],
      [200, get('/healthz')],
      [200, get('/readyz?x')],
      [405, get('/healthz').replace('GET', 'POST')],
      [405, get('/yjs/a').replace('GET', 'TRACE')],
      [400, get('/healthz', 'Content-Length: 5\r\n') + 'hello'],
      [400, get('/healthz', 'Transfer-Encoding: chunked\r\n') + '0\r\n\r\n'],
      [400, get('/healthz', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')],
      [400, upgradeHead('/yjs/a', { headers: ['Content-Length: 3'] }) + 'abc'],
      [400, 'GET /healthz HTTP/1.1\r\n\r\n'],
      [400, get('/healthz', 'Host: other\r\n')],
      [400, get('/healthz', 'A b: c\r\n')],
      [400, get('/healthz', 'Content-Length : 0\r\n')],
      [400, get('/healthz', 'X: a\r\n b\r\n')],
      [400, 'GET  /healthz HTTP/1.1\r\nHost: test\r\n\r\n'],
      [400, 'hello\r\n\r\n'],
      [400, Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
      [400, '\0'.repeat(100)],
      [505, 'GET /healthz HTTP/2.0\r\nHost: test\r\n\r\n'],
      [431, get('/healthz', `X: ${'x'.repeat(100_000)}\r\n`)],
      [431, get('/healthz', 'X: y\r\n'.repeat(1_000))],
      [400, upgradeHead('/yjs/a').replace('dGhlIHNhbXBsZSBub25jZQ==', 'short')],
      [426, upgradeHead('/yjs/a').replace('Version: 13', 'Version: 8')]
    ]
    const wrong = []
    await Promise.all(cases.map(async ([wanted, request]) => {
      const raw = new Raw(t, server.port)
      await raw.write(request)
      await until(() => raw.status() || raw.isClosed, () => `an answer to ${request.slice(0, 60)}`)
      if (raw.status() !== wanted) wrong.push(`${wanted}, not ${raw.status()}: ${JSON.stringify(request.toString('latin1').slice(0, 120))}`)
      if (raw.status() !== 101) await raw.closed
      raw.socket.destroy()
    }))
    assert.deepEqual(wrong, [])
    await witness.end()
  })

  on('a head may come byte by byte, and the first frames in the same segment, on every core', async (t, server) => {
    await Promise.all(Array.from({ length: 32 }, async (_, n) => {
      const head = Buffer.from(upgradeHead(`/yjs/piece%20${n}`))
      const first = Buffer.concat([frame(syncStep1([0])), frame(awareness([[n, 1, '{"n":1}']])), frame(Buffer.from('here'), { opcode: 9 })])
      const raw = new Raw(t, server.port)
      if (n % 2) {
        for (const byte of Buffer.concat([head, first])) await raw.write(Buffer.from([byte]))
      } else {
        await raw.write(Buffer.concat([head, first]))
      }
      const has = wanted => raw.frames().some(([opcode, payload]) => payload.includes(wanted) && opcode === (wanted === 'here' ? 10 : 2))
      await until(() => has('here') && has('{"n":1}') && has(Buffer.from([0, 1, 2, 0, 0])), () => `all answers: ${raw.received.toString('latin1')}`)
      raw.socket.destroy()
    }))
  })

  on('what came right before the end of a connection counts, and nothing of the connection stays', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    // The letter `a` in the root `text`, of client 5.
    const letter = frame(update([1, 1, 5, 0, 4, 1, 4, 116, 101, 120, 116, 1, 97, 0]))
    const whole = name => Buffer.concat([Buffer.from(upgradeHead(`/yjs/${name}`)), letter])
    for (let n = 0; n < 8; n++) {
      const raw = new Raw(t, server.port)
      await raw.write(whole(`last%20${n}`))
      raw.socket.end()
      await raw.closed
      const reader = provider(t, server.url, `last%20${n}`)
      await synced(reader)
      await until(() => reader.doc.getText('text').toString() === 'a', 'what was sent last')
      reader.destroy()
    }
    // Cut at every place, by an end or by a reset.
    const bytes = whole('cut')
    for (let at = 1; at < bytes.length; at++) {
      const raw = new Raw(t, server.port)
      await raw.write(bytes.subarray(0, at))
      if (at % 2) raw.socket.end()
      else raw.socket.resetAndDestroy()
    }
    const connections = async () => (await (await fetch(`${server.http}/readyz`)).json()).connections
    await until(async () => await connections() === 3, 'the end of all connections but those of the witnesses')
    await witness.end()
  })

  on('who never finishes its head is sent away, and nothing of it stays', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const [before, memory] = [descriptors(server.pid), residentBytes(server.pid)]
    for (let wave = 0; wave < 4; wave++) {
      const raws = await Promise.all(Array.from({ length: 500 }, async (_, n) => {
        const raw = new Raw(t, server.port)
        const head = upgradeHead(`/yjs/wave%20${n}`)
        await raw.write([head, head.slice(0, -2), head.slice(0, 20), 'G', head + '\x82'][n % 5])
        return raw
      }))
      // Some are cut at once, half of them by a reset; the others have to be ended by the server.
      raws.forEach((raw, n) => { if (wave % 2) n % 2 ? raw.socket.resetAndDestroy() : raw.socket.destroy() })
      const unfinished = raws.filter((_, n) => n % 5 >= 1 && n % 5 <= 3)
      await until(() => unfinished.every(raw => raw.isClosed), 'the ends of unfinished requests')
      raws.forEach(raw => raw.socket.destroy())
    }
    await until(() => descriptors(server.pid) <= before + 8, () => `${before} descriptors, then ${descriptors(server.pid)}`)
    const connections = async () => (await (await fetch(`${server.http}/readyz`)).json()).connections
    await until(async () => await connections() === 3, 'the end of all connections but those of the witnesses')
    assert.ok(residentBytes(server.pid) < memory + (64 << 20))
    await witness.end()
  }, { upgradeTimeoutMs: 2_000 })
}
