// Recorded editing sessions, replayed through the server, end in the exact text; also when the updates come out of order.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import * as Y from 'yjs'
import * as encoding from 'lib0/encoding'
import * as sync from 'y-protocols/sync'
import { BareClient, provider, synced, until } from './lib/clients.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { recorded } from './lib/traces.mjs'

const sha256 = text => createHash('sha256').update(text).digest('hex')

function shuffled (list, random) {
  const out = [...list]
  for (let at = out.length - 1; at > 0; at--) {
    const other = random.below(at + 1)
    ;[out[at], out[other]] = [out[other], out[at]]
  }
  return out
}

for (const driver of drivers) {
  for (const [name, order] of [['friendsforever', 'recorded'], ['friendsforever', 'shuffled'], ['rustcode', 'recorded'], ['rustcode', 'shuffled']]) {
    test(`${driver}: ${name} in ${order} order ends in the exact text`, { timeout: 180_000 }, async t => {
      const random = randomFrom(seedOf(t))
      const { sha256: wanted, updates } = recorded(name)
      const server = await start(t, { driver, dataDir: dataFolder(t), shards: 2 })
      const reader = provider(t, server.url, name)
      await synced(reader)
      const agents = new Map()
      for (const { agent } of updates) if (!agents.has(agent)) agents.set(agent, await new BareClient(server.url, name).open())
      const sending = order === 'shuffled' ? shuffled(updates, random) : updates
      // In recorded order each agent's socket keeps its own order; between agents there is none, as in life.
      for (const { agent, update } of sending) {
        agents.get(agent).send(encoder => {
          encoding.writeVarUint(encoder, sync.messageYjsUpdate)
          encoding.writeVarUint8Array(encoder, update)
        })
      }
      await until(() => sha256(reader.doc.getText('text').toString()) === wanted, `the text of ${updates.length} updates`, 90_000)
      const late = provider(t, server.url, name)
      await synced(late)
      await until(() => sha256(late.doc.getText('text').toString()) === wanted, 'the same text for a late joiner')
      assert.equal(late.doc.store.pendingStructs, null)
      for (const agent of agents.values()) agent.close()
    })
  }
}
