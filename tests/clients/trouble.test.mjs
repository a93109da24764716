// A disk that takes nothing, a folder that cannot be used, and the end of the process under load.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import * as decoding from 'lib0/decoding'
import { BareClient, converged, provider, synced, until } from './lib/clients.mjs'
import { Raw, upgradeHead } from './lib/raw.mjs'
import { binary, dataFolder, drivers, end, start } from './lib/server.mjs'
import { Witness } from './lib/witness.mjs'

/** What ends by itself has ended by then, on any machine. */
const ENDS_MS = 120_000

/** More may not wait in one queue of this kernel. */
const queueMax = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))

const text = doc => doc.getText('text').toString()
const status = async (server, path) => (await fetch(server.http + path)).status

/** Runs until the end, with nothing of the environment. */
const run = (...flags) => spawnSync(binary, [...flags, '--control-listen', '127.0.0.1:0'], { env: { PATH: process.env.PATH }, encoding: 'utf8', timeout: ENDS_MS })

function smallFileSystem (t, mebibytes) {
  const mount = mkdtempSync(join(tmpdir(), 'selvedge-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}M`, 'tmpfs', mount], { stdio: 'pipe' })
  t.after(async () => {
    await end(t)
    execFileSync('umount', [mount])
    rmSync(mount, { recursive: true })
  })
  return mount
}

for (const driver of drivers) {
  test(`${driver}: a full disk refuses edits and nothing else, and takes them again once there is room`, { timeout: 120_000 }, async t => {
    let mount
    try {
      mount = smallFileSystem(t, 64)
    } catch (error) {
      const why = `NOT TESTED: a full disk needs root to mount one (${String(error.message).trim()})`
      console.error(why)
      return t.skip(why)
    }
    const settings = { driver, dataDir: join(mount, 'data'), shards: 2 }
    const server = await start(t, settings)
    const [a, b] = [provider(t, server.url, 'full'), provider(t, server.url, 'full')]
    const ends = []
    for (const client of [a, b]) client.on('connection-close', event => ends.push(event?.code))
    const notices = []
    a.messageHandlers[2] = (_encoder, decoder) => { decoding.readVarUint(decoder); notices.push(decoding.readVarString(decoder)) }
    await synced(a, b)
    a.doc.getText('text').insert(0, 'before ')
    await until(() => text(b.doc) === 'before ', 'the first words')
    // All but nothing is taken by something else.
    const ballast = join(mount, 'ballast')
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k'], { stdio: 'ignore' })
    for (let n = 0; n < 200 && notices.length === 0; n++) {
      a.doc.getMap('map').set(`key ${n}`, 'x'.repeat(4_000))
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    await until(() => notices.length > 0, 'a notice')
    assert.equal(await status(server, '/readyz'), 503)
    assert.equal(await status(server, '/healthz'), 200)
    const told = await (await fetch(server.control + '/readyz')).json()
    assert.deepEqual([told.status, told.reason], ['not ready', 'storage writes fail'])
    const alerts = async () => (await (await fetch(server.control + '/status')).json()).alerts
    const raised = async () => (await alerts()).find(alert => alert.name === 'storage_not_writable')
    await until(raised, 'an alert')
    const { severity, recommendation } = await raised()
    assert.equal(severity, 'critical')
    assert.match(recommendation, /data_dir/)
    b.awareness.setLocalState({ still: 'here' })
    await until(() => a.awareness.getStates().get(b.doc.clientID)?.still === 'here', 'presence')
    const late = provider(t, server.url, 'full')
    await synced(late)
    await until(() => text(late.doc) === 'before ', 'the text for a late joiner')
    a.doc.getText('text').insert(7, 'meanwhile ')
    rmSync(ballast)
    await until(async () => await status(server, '/readyz') === 200, 'readiness')
    await until(async () => !await raised(), 'the end of the alert')
    await until(() => server.log().includes('alert resolved'), 'a line in the log')
    await until(async () => (await (await fetch(server.control + '/status')).json()).slow_operations.some(
      ({ cause, operation, document }) => cause === 'writes_stalled' && operation === 'acknowledge' && document === 'full'), 'what was slow, and why')
    a.doc.getText('text').insert(17, 'after')
    const all = doc => ({ text: text(doc), map: Object.keys(doc.getMap('map').toJSON()).sort() })
    await converged([a.doc, b.doc, late.doc], all)
    assert.equal(text(b.doc), 'before meanwhile after')
    assert.deepEqual(ends, [])
    const { code } = await server.stop()
    assert.equal(code, 0, server.log())
    const again = await start(t, settings)
    const fresh = provider(t, again.url, 'full')
    await synced(fresh)
    await until(() => text(fresh.doc) === 'before meanwhile after', () => text(fresh.doc))
    assert.deepEqual(all(fresh.doc), all(a.doc))
  })

  test(`${driver}: a stop under load keeps what was acknowledged, and says 1012`, { timeout: 120_000 }, async t => {
    const settings = { driver, dataDir: dataFolder(t), shards: 3 }
    const server = await start(t, settings)
    const writers = await Promise.all(Array.from({ length: 50 }, (_, n) => new BareClient(server.url, `load ${n % 5}`).open()))
    let going = true
    const load = writers.map(async (writer, n) => {
      const shared = writer.doc.getText('text')
      for (let word = 0; going; word++) {
        shared.insert(shared.length, `${n}:${word} `)
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    })
    await until(() => writers.every(writer => writer.acknowledgedClock() > 50), 'acknowledgements')
    const [{ code, signal }, ...codes] = await Promise.all([server.stop(), ...writers.map(writer => writer.closed)])
    going = false
    await Promise.all(load)
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, server.log())
    assert.deepEqual([...new Set(codes)], [1012])
    const again = await start(t, settings)
    for (let n = 0; n < 5; n++) {
      const fresh = provider(t, again.url, `load ${n}`)
      await synced(fresh)
      for (const writer of writers.filter((_, at) => at % 5 === n)) {
        const stored = Y.getState(fresh.doc.store, writer.doc.clientID)
        assert.ok(stored >= writer.acknowledgedClock(), `${writer.acknowledgedClock()} acknowledged, ${stored} stored`)
      }
      assert.equal(fresh.doc.store.pendingStructs, null)
    }
    writers.forEach(writer => writer.close())
  })

  test(`${driver}: a second signal ends the process at once`, { timeout: ENDS_MS }, async t => {
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 2, closeTimeoutMs: 60_000, drainTimeoutMs: 600_000 })
    const client = await new BareClient(server.url, 'second').open()
    await until(() => client.synced, 'a session')
    // It never answers the goodbye.
    client.socket._socket.pause()
    process.kill(server.pid, 'SIGTERM')
    await until(() => server.log().includes('draining'), 'the drain')
    // The first one alone would end in order, when its time is over.
    process.kill(server.pid, 'SIGTERM')
    const { code } = await server.ended
    assert.equal(code, 128 + 15)
    client.close()
  })

  test(`${driver}: a kill during the drain loses nothing that was acknowledged`, { timeout: 180_000 }, async t => {
    const settings = { driver, dataDir: dataFolder(t), shards: 2 }
    const server = await start(t, settings)
    const writers = await Promise.all(Array.from({ length: 10 }, (_, n) => new BareClient(server.url, 'killed').open()))
    const timer = setInterval(() => writers.forEach(writer => writer.doc.getText('text').insert(0, 'word ')), 2)
    await until(() => writers.every(writer => writer.acknowledgedClock() > 50), 'acknowledgements')
    process.kill(server.pid, 'SIGTERM')
    await until(() => server.log().includes('draining'), 'the drain')
    await server.kill()
    await Promise.all(writers.map(writer => writer.closed))
    clearInterval(timer)
    const again = await start(t, settings)
    const fresh = provider(t, again.url, 'killed')
    await synced(fresh)
    for (const writer of writers) assert.ok(Y.getState(fresh.doc.store, writer.doc.clientID) >= writer.acknowledgedClock())
    writers.forEach(writer => writer.close())
  })
}

test('a server with few descriptors goes on with the connections that it has, and refuses the others', { timeout: 180_000 }, async t => {
  for (const driver of drivers) {
    const settings = { driver, dataDir: dataFolder(t), shards: 2, controlConnectionsMax: 16, controlStreamsMax: 8 }
    const server = await start(t, settings, { openFiles: 480 })
    const witness = await new Witness(t, server).begin()
    const knock = n => {
      const raw = new Raw(t, server.port)
      raw.write(upgradeHead(`/yjs/many%20${n}`))
      return raw
    }
    // All are in the queue when the server looks.
    process.kill(server.pid, 'SIGSTOP')
    const raws = Array.from({ length: Math.min(500, queueMax) }, (_, n) => knock(n))
    await until(() => raws.every(raw => !raw.socket.connecting), 'a connection for each')
    process.kill(server.pid, 'SIGCONT')
    await until(() => raws.every(raw => raw.socket.destroyed || raw.status()), 'an answer or an end for each')
    const open = raws.filter(raw => !raw.socket.destroyed && raw.status() === 101)
    assert.ok(open.length > 20 && open.length < 200, `${open.length} were let in`)
    assert.ok(raws.some(raw => raw.status() === 503), 'some were told why not')
    // What the server needs for itself it has.
    assert.equal(await status(server, '/readyz'), 200)
    assert.doesNotMatch(server.log(), /accepting fails/)
    raws.forEach(raw => raw.socket.destroy())
    await until(async () => {
      const raw = knock(500)
      await until(() => raw.socket.destroyed || raw.status(), 'an answer or an end')
      return raw.status() === 101
    }, 'room for others')
    await witness.end()
  }
})

test('a damaged file costs the documents in it, and nobody else', { timeout: 120_000 }, async t => {
  const settings = { dataDir: dataFolder(t), shards: 2, documentIdleMs: 0 }
  const server = await start(t, settings)
  const names = Array.from({ length: 40 }, (_, n) => `damaged ${n}`)
  const writers = names.map(name => provider(t, server.url, name))
  await synced(...writers)
  // Noise, which cannot be compressed, so that each has blocks of its own.
  writers.forEach(writer => writer.doc.getMap('map').set('noise', new Uint8Array(randomBytes(50_000))))
  const readers = names.map(name => provider(t, server.url, name))
  await until(() => readers.every(reader => reader.doc.getMap('map').has('noise')), 'all of it written')
  ;[...writers, ...readers].forEach(client => client.destroy())
  assert.equal((await server.stop()).code, 0)
  // The tables are made from the log of the last run.
  const between = await start(t, settings)
  assert.equal((await between.stop()).code, 0)
  const tables = readdirSync(settings.dataDir, { recursive: true }).filter(file => file.endsWith('.sst'))
    .map(file => join(settings.dataDir, file)).sort((a, b) => statSync(b).size - statSync(a).size)
  t.diagnostic(`${tables.length} tables, the largest of ${tables.length && statSync(tables[0]).size} bytes`)
  assert.ok(tables.length > 0, 'there is a table')
  const bytes = readFileSync(tables[0])
  bytes[bytes.length >> 1] ^= 1
  writeFileSync(tables[0], bytes)
  const again = await start(t, settings)
  const clients = names.map(name => provider(t, again.url, name))
  const codes = new Map()
  clients.forEach((client, n) => client.on('connection-close', event => codes.set(n, event?.code)))
  await until(() => clients.every((client, n) => client.synced || codes.has(n)), 'a document or an end for each')
  const whole = clients.filter((client, n) => !codes.has(n))
  t.diagnostic(`${codes.size} of ${names.length} are damaged`)
  assert.ok(codes.size >= 1 && codes.size <= 3, `${codes.size}`)
  assert.deepEqual([...new Set(codes.values())], [1011])
  assert.ok(whole.every(client => client.doc.getMap('map').has('noise')))
  // Whole documents are written on.
  const others = whole.map(client => provider(t, again.url, client.roomname))
  await synced(...others)
  whole.forEach(client => client.doc.getText('text').insert(0, 'more'))
  await until(() => others.every(other => text(other.doc) === 'more'), 'new edits')
  // If the damaged file is merged just now, writes stop for a moment.
  await until(async () => await status(again, '/readyz') === 200, () => `readiness: ${again.log()}`)
  ;[...clients, ...others].forEach(client => client.destroy())
  assert.equal((await again.stop()).code, 0)
  // Each start makes a table of the log, until they are merged, the damaged one with them: that stops writes once, for a moment. When they are
  // merged is for the store to say, which does it beside its writes.
  const stallsOf = server => server.log().match(/ERROR commits stall/g)?.length ?? 0
  let stalls = stallsOf(again)
  for (let round = 0; round < 6 || (stalls === 0 && round < 30); round++) {
    const server = await start(t, settings)
    const writers = await Promise.all(whole.slice(0, 5).map(client => new BareClient(server.url, client.roomname).open()))
    await until(() => writers.every(writer => writer.synced), 'sessions')
    for (let edit = 1; edit <= 30; edit++) {
      writers.forEach(writer => writer.doc.getMap('map').set(`${round}`, new Uint8Array(randomBytes(2_000))))
      await until(() => writers.every(writer => writer.acknowledgedClock() >= edit), () => `acknowledgements in round ${round}: ${server.log()}`)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    await until(async () => await status(server, '/readyz') === 200, () => `readiness in round ${round}: ${server.log()}`)
    writers.forEach(writer => writer.close())
    assert.equal((await server.stop()).code, 0, server.log())
    assert.ok(stallsOf(server) <= 1, server.log())
    stalls += stallsOf(server)
  }
  assert.ok(stalls > 0, 'the damaged file was merged')
})

test('settings that cannot be taken are told with what is allowed, and nothing is touched', t => {
  const folder = join(dataFolder(t), 'data')
  const cases = [
    [['--liste', '127.0.0.1:0'], /--listen/],
    [['--listen', 'localhost'], /IP address and port/],
    [['--listen', '127.0.0.1:99999'], /IP address and port/],
    [['--shards', '0'], /1 to 1024/],
    [['--shards', '-1'], /1 to 1024/],
    [['--heartbeat-ms', '25000'], /24999/],
    [['--driver', 'epoll'], /auto, uring, monoio/],
    [['--message-bytes-max', '64XB'], /1KiB to 1GiB/],
    [['--message-bytes-max', '99999999999999999999999'], /1KiB to 1GiB/],
    [['--message-bytes-max', '512MiB'], /document_bytes_max/],
    [['--fsync', 'interval=0'], /interval=/],
    [['--config', '/nonexistent'], /\/nonexistent/],
    [['frobnicate'], /frobnicate/],
    [['--conformance', 'maybe'], /maybe/],
    [['--conformance=maybe'], /true, false/]
  ]
  for (const [flags, says] of cases) {
    const { status, stderr, stdout } = run('--data-dir', folder, ...flags)
    assert.equal(status, 2, `${flags}: ${stderr}`)
    assert.match(stderr, says, `${flags}`)
    assert.doesNotMatch(stderr, /panic/)
    assert.equal(stdout, '')
    assert.equal(existsSync(folder), false)
  }
  const env = { PATH: process.env.PATH, SELVEDGE_HEARTBAET_MS: '5' }
  const misspelt = spawnSync(binary, ['--data-dir', folder], { env, encoding: 'utf8', timeout: ENDS_MS })
  assert.equal(misspelt.status, 2)
  assert.match(misspelt.stderr, /SELVEDGE_HEARTBEAT_MS/)
})

test('a server that cannot start says why in one line and touches nothing', async t => {
  const oneLine = ({ status, stderr }, says) => {
    const errors = stderr.split('\n').filter(line => line.startsWith('error:'))
    assert.equal(status, 1, stderr)
    assert.equal(errors.length, 1, stderr)
    assert.match(errors[0], says)
    assert.doesNotMatch(stderr, /panic/)
  }
  const dataDir = dataFolder(t)
  const server = await start(t, { dataDir, shards: 1 })
  const before = readdirSync(dataDir).sort()
  oneLine(run('--listen', '127.0.0.1:0', '--data-dir', dataDir), /another|lock|use/i)
  assert.deepEqual(readdirSync(dataDir).sort(), before)

  const other = join(dataFolder(t), 'data')
  oneLine(run('--listen', `127.0.0.1:${server.port}`, '--data-dir', other), /taken/)
  assert.equal(existsSync(other), false)
  const foreign = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => foreign.once('listening', resolve))
  oneLine(run('--listen', `127.0.0.1:${foreign.address().port}`, '--data-dir', other), /taken/)
  foreign.close()
  oneLine(run('--listen', '192.0.2.1:0', '--data-dir', other), /192\.0\.2\.1/)
  assert.equal(existsSync(other), false)

  const file = join(dataFolder(t), 'file')
  writeFileSync(file, 'not a folder')
  oneLine(run('--listen', '127.0.0.1:0', '--data-dir', file), /file/)
  oneLine(run('--listen', '127.0.0.1:0', '--data-dir', join(file, 'below')), /below/)
  oneLine(run('--listen', '127.0.0.1:0', '--data-dir', '/proc/data'), /\/proc\/data/)

  // A folder that is full of somebody else's things.
  const foreignFolder = dataFolder(t)
  writeFileSync(join(foreignFolder, 'CURRENT'), 'something\n')
  oneLine(run('--listen', '127.0.0.1:0', '--data-dir', foreignFolder), /./)
})
