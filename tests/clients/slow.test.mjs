// A client that does not read while others write much: memory stays bounded, others go on, and the client is told all or sent away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { provider, synced, until } from './lib/clients.mjs'
import { frame, Raw, syncStep1, upgradeHead } from './lib/raw.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { Witness } from './lib/witness.mjs'

/** Applies all that came; says whether the frames were whole messages in order. */
function read (raw, doc) {
  for (const [opcode, payload] of raw.frames()) {
    if (opcode !== 2 || payload[0] !== 0 || payload[1] === 0) continue
    let [length, at, shift] = [0, 2, 0]
    for (;;) {
      const byte = payload[at++]
      length += (byte & 127) * 2 ** shift
      shift += 7
      if (byte < 128) break
    }
    Y.applyUpdate(doc, payload.subarray(at, at + length))
  }
}

for (const driver of drivers) {
  test(`${driver}: a reader that slept through 50 MB catches up`, { timeout: 180_000 }, async t => {
    // The kernel has all the time that the writer needs: what is tried is what the server does.
    const server = await start(t, { driver, dataDir: dataFolder(t), shards: 2, tcpUserTimeoutMs: 3_600_000, staleTimeoutMs: 3_600_000 })
    const witness = await new Witness(t, server).begin()
    const writer = provider(t, server.url, 'slow')
    await synced(writer)
    const sleepers = await Promise.all(Array.from({ length: 20 }, async () => {
      const raw = new Raw(t, server.port)
      await raw.write(upgradeHead('/yjs/slow'))
      await raw.write(frame(syncStep1([0])))
      await until(() => raw.status() === 101, 'an upgrade')
      raw.socket.pause()
      return raw
    }))
    const map = writer.doc.getMap('map')
    for (let n = 0; n < 800; n++) {
      map.set(`key ${n}`, `${n} `.repeat(16_384).slice(0, 65_536))
      while (writer.ws.bufferedAmount > 4 << 20) await new Promise(resolve => setImmediate(resolve))
      await new Promise(resolve => setImmediate(resolve))
    }
    const check = provider(t, server.url, 'slow')
    await synced(check)
    await until(() => check.doc.getMap('map').size === 800, 'all for who reads')
    for (const raw of sleepers.slice(0, 3)) {
      raw.socket.resume()
      const doc = new Y.Doc()
      const wanted = 800 * 65_000
      await until(() => raw.isClosed || raw.receivedBytes() > wanted, () => `the catch-up: ${raw.receivedBytes()}`, 60_000)
      if (raw.isClosed) assert.equal(raw.closeCode(), 1013)
      else await until(() => { read(raw, doc); return doc.getMap('map').size === 800 }, 'equality')
      assert.equal(doc.store.pendingStructs, null)
    }
    sleepers.forEach(raw => raw.socket.destroy())
    await witness.end(700)
  })
}
