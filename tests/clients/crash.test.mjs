// The process is killed and the power is cut under load: nothing that was acknowledged is lost, and nothing appears twice.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { BareClient, provider, synced, until } from './lib/clients.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { dataFolder, drivers, end, start } from './lib/server.mjs'

const ROUNDS = Number(process.env.SELVEDGE_CRASH_ROUNDS ?? 4)
const DOCUMENTS = 12
const WRITERS = 2
/** Units that a writer may have on their way. */
const WINDOW = 1_600

const words = doc => doc.getText('text').toString().split(' ').filter(word => word !== '')

/** Types numbered words as fast as they are acknowledged, until its connection ends. */
async function write (writer, state) {
  let open = true
  writer.closed.then(() => { open = false })
  while (open) {
    const text = writer.doc.getText('text')
    const clock = Y.getState(writer.doc.store, writer.doc.clientID)
    if (clock - writer.acknowledgedClock() < WINDOW) {
      for (let n = 0; n < 20; n++) text.insert(text.length, `${state.id}:${state.next++} `)
    }
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Fresh clients find all that was acknowledged, once. */
async function check (t, server, states) {
  let units = 0
  for (let n = 0; n < DOCUMENTS; n++) {
    const fresh = provider(t, server.url, `crash ${n}`)
    await synced(fresh)
    for (const state of states.filter(state => state.name === `crash ${n}`)) {
      const acknowledged = Y.getState(state.acknowledged.store, state.doc.clientID)
      const stored = Y.getState(fresh.doc.store, state.doc.clientID)
      assert.ok(stored >= acknowledged, `writer ${state.id}: ${acknowledged} units acknowledged, ${stored} stored`)
      units += acknowledged
      // What is stored without having been acknowledged is what the next acknowledgements build on.
      Y.applyUpdate(state.acknowledged, Y.encodeStateAsUpdate(fresh.doc))
    }
    const found = words(fresh.doc)
    assert.equal(new Set(found).size, found.length, 'no word appears twice')
    fresh.destroy()
  }
  return units
}

/** Rounds of load and `cut`, which ends the server in its way and gives the data back for the next. */
async function losesNothing (t, driver, dataDir, cut) {
  const random = randomFrom(seedOf(t))
  const states = Array.from({ length: DOCUMENTS * WRITERS }, (_, id) => (
    { id, name: `crash ${id % DOCUMENTS}`, next: 0, doc: new Y.Doc(), acknowledged: new Y.Doc() }
  ))
  let units = 0
  for (let round = 0; round < ROUNDS; round++) {
    const server = await start(t, { driver, dataDir, shards: 3 })
    const writers = await Promise.all(states.map(state => new BareClient(server.url, state.name, state).open()))
    const writing = writers.map((writer, n) => write(writer, states[n]))
    const before = writers.map(writer => writer.acknowledgedClock())
    await until(() => writers.every((writer, n) => writer.acknowledgedClock() > before[n]), 'first acknowledgements')
    await new Promise(resolve => setTimeout(resolve, 200 + random.below(600)))
    // What came while the power was being cut does not count: ext4 may report success for a sync that races with the cut.
    writers.forEach(writer => writer.stopListening())
    await cut(server)
    await Promise.all(writing)
    writers.forEach(writer => writer.close())
    const again = await start(t, { driver, dataDir, shards: 2 })
    units = await check(t, again, states)
    const { code } = await again.stop()
    assert.equal(code, 0, again.log())
  }
  t.diagnostic(`${ROUNDS} rounds, ${units} acknowledged units checked in the last`)
}

/** A file system of its own, whose power can be cut; what was not synced is gone then. */
function cuttableFileSystem (t) {
  const folder = mkdtempSync(join(tmpdir(), 'selvedge-power-'))
  const [image, mount] = [join(folder, 'image'), join(folder, 'mount')]
  const run = (command, ...args) => execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  run('truncate', '-s', '512M', image)
  run('mkfs.ext4', '-q', image)
  run('mkdir', mount)
  run('mount', '-o', 'loop', image, mount)
  t.after(async () => {
    await end(t)
    run('umount', mount)
    rmSync(folder, { recursive: true, force: true })
  })
  // EXT4_IOC_SHUTDOWN without a flush of the journal.
  const shutdown = 'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("I", 2))'
  return {
    dataDir: join(mount, 'data'),
    cutPower: () => run('python3', '-c', shutdown, mount),
    back: () => { run('umount', mount); run('mount', '-o', 'loop', image, mount) }
  }
}

for (const driver of drivers) {
  test(`${driver}: nothing acknowledged is lost when the process is killed`, { timeout: 300_000 }, async t => {
    await losesNothing(t, driver, dataFolder(t), server => server.kill())
  })
}

test('nothing acknowledged is lost when the power fails', { timeout: 300_000 }, async t => {
  let disk
  try {
    disk = cuttableFileSystem(t)
  } catch (error) {
    const why = `NOT TESTED: power loss needs root, loop devices and mkfs.ext4 (${String(error.message).trim()})`
    console.error(why)
    t.skip(why)
    return
  }
  await losesNothing(t, drivers[0], disk.dataDir, async server => {
    disk.cutPower()
    await server.kill()
    disk.back()
  })
})
