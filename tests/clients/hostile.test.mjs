// Whatever one client sends or does not take: others never notice, and the server's memory stays bounded.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as Y from 'yjs'
import * as decoding from 'lib0/decoding'
import { provider, synced, until } from './lib/clients.mjs'
import { randomFrom, seedOf } from './lib/random.mjs'
import { awareness, buf, frame, Raw, syncStep1, syncStep2, text, update, upgradeHead, varUint } from './lib/raw.mjs'
import { dataFolder, drivers, start } from './lib/server.mjs'
import { Witness } from './lib/witness.mjs'

const vectors = new URL('../../protocol/tests/vectors/', import.meta.url)
const realUpdates = readdirSync(vectors).flatMap(file => readFileSync(new URL(file, vectors), 'utf8').split('\n'))
  .filter(line => /^(update|merged) [0-9a-f]+$/.test(line)).map(line => Buffer.from(line.split(' ')[1], 'hex'))

const nothing = Buffer.alloc(0)
const zeros = length => Buffer.alloc(length)

async function open (t, server, name, options) {
  const raw = new Raw(t, server.port, options)
  await raw.write(upgradeHead(`/yjs/${encodeURIComponent(name)}`))
  if (options?.read !== false) await until(() => raw.status() === 101, () => `an upgrade: ${raw.received}`)
  return raw
}

for (const driver of drivers) {
  const on = (name, body, settings = {}) => test(`${driver}: ${name}`, { timeout: 180_000 }, async t => {
    const options = { driver, dataDir: dataFolder(t), shards: 4, ...settings }
    await body(t, await start(t, options), options)
  })

  on('malformed frames cost their connection, and nobody else', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const close = code => Buffer.from([code >> 8, code & 255])
    const hostile = [
      [1009, frame(nothing, { declared: 2 ** 30 })],
      [1009, frame(nothing, { declared: 2 ** 52 })],
      [1009, Buffer.concat([frame(zeros(1024), { fin: false }), frame(nothing, { opcode: 0, declared: 2 ** 30 })])],
      [1002, Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])],
      [1002, frame(zeros(8), { masked: false })],
      ...[1, 2, 4, 7].map(reserved => [1002, frame(zeros(8), { reserved })]),
      ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(opcode => [1002, frame(zeros(8), { opcode })]),
      ...[8, 9, 10].map(opcode => [1002, frame(zeros(2), { opcode, fin: false })]),
      ...[8, 9, 10].map(opcode => [1002, frame(zeros(126), { opcode })]),
      [1002, Buffer.concat([frame(zeros(8), { fin: false }), frame(zeros(8))])],
      [1002, frame(zeros(8), { opcode: 0 })],
      [1002, frame(zeros(1), { opcode: 8 })],
      ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535].map(code => [1002, frame(close(code), { opcode: 8 })]),
      [1007, frame(Buffer.from([3, 232, 0xc3, 0x28]), { opcode: 8 })],
      [1007, frame(Buffer.from([0xff, 0xfe]), { opcode: 1 })],
      [1003, frame(Buffer.from('hello'), { opcode: 1 })],
      // Not the shortest form of a length is a violation by the letter (RFC 6455, section 5.2).
      [1002, Buffer.from([0x82, 0xfe, 0, 1, 0, 0, 0, 0, 0])],
      [1009, Buffer.concat([frame(nothing, { fin: false }), ...Array(20_000).fill(frame(nothing, { opcode: 0, fin: false }))])]
    ]
    await Promise.all(hostile.map(async ([code, bytes], n) => {
      const raw = await open(t, server, n % 2 ? 'witness' : `frames ${n}`)
      await raw.write(bytes)
      await until(() => raw.closeCode() || raw.isClosed, () => `an end after ${bytes.subarray(0, 32).toString('hex')}`)
      assert.equal(raw.closeCode(), code, `after ${bytes.subarray(0, 32).toString('hex')}`)
      await raw.closed
    }))
    await witness.end()
  })

  on('malformed messages are refused with a final code', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const deep = '['.repeat(5_000) + ']'.repeat(5_000)
    const hostile = [
      nothing, [0], [0, 0], [0, 2], [0, 3, 0], [0, 9], [1], [0, 2, 5, 0], [0, 0, 1], [2, 0], [0, 2, 0], [0, 0, 0], [0, 1, 0],
      [0, 0, 5, 0x80, 0x80, 0x80, 0x80, 2], [0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
      syncStep1(Buffer.from('8080808002', 'hex')), syncStep1(Buffer.from('ffffffffffffff0f', 'hex')), syncStep1(Buffer.concat([varUint(3), Buffer.from([1, 1])])),
      update(Buffer.from('8080808002', 'hex')), update(Buffer.concat([varUint(2 ** 40), Buffer.from([1, 1, 0])])), update([1, 0x80, 0x80, 0x80, 0x80, 8, 1, 0, 0]),
      update([0, 0x80, 0x80, 0x80, 0x80, 8]), update([0, 1, 1, 0xff, 0xff, 0xff, 0xff, 15]), syncStep2([9]), update([1, 1, 1, 0]),
      // A GC, a Skip, a deleted item and lists of nothing: structs of length zero.
      update([1, 1, 1, 0, 0, 0, 0]), update([1, 1, 1, 0, 10, 0, 0]), update([1, 1, 1, 0, 1, 1, 1, 97, 0, 0]), update([1, 1, 1, 0, 8, 1, 1, 97, 0, 0]),
      update([1, 1, 1, 0, 4, 1, 1, 97, 0, 0]), update([0, 1, 1, 1, 0, 0]),
      // Nested as deep as there is room.
      update(Buffer.concat([Buffer.from([1, 1, 1, 0, 8, 1, 1, 97, 1]), Buffer.alloc(100_000, Buffer.from([117, 1])), Buffer.from([126, 0])])),
      update(Buffer.concat([Buffer.from([1, 1, 1, 0, 5, 1, 1, 97]), text(deep), Buffer.from([0])])),
      awareness([[1, 1, 'not json']]), awareness([[1, 1, '{"a":']]), awareness([[1, 1, deep]]), awareness([], 2 ** 40), awareness([[1, 1, '{}']], 1000),
      awareness([[1, 1, `"${'x'.repeat(100_000)}"`]]), awareness([[2 ** 53, 1, '{}']]), Buffer.concat([Buffer.from([1]), buf(Buffer.from([1, 1, 1, 2, 0xff, 0xfe]))]),
      awareness([[1, 2 ** 40, '{}']])
    ].map(message => Buffer.from(message))
    const passed = []
    await Promise.all(hostile.map(async (message, n) => {
      const raw = await open(t, server, `messages ${n}`)
      await raw.write(frame(message))
      // What is behind it shows whether the session goes on.
      await raw.write(frame(Buffer.from([9, 9])))
      await raw.write(frame(Buffer.from('ping'), { opcode: 9 }))
      const pong = () => raw.frames().some(([opcode, payload]) => opcode === 10 && payload.toString() === 'ping')
      await until(() => raw.closeCode() || raw.isClosed || pong(), () => `an answer to ${message.subarray(0, 32).toString('hex')}`)
      if (pong()) return passed.push(message.subarray(0, 24).toString('hex'))
      assert.ok(raw.closeCode() >= 4400 && raw.closeCode() < 4500, `${raw.closeCode()} after ${message.subarray(0, 32).toString('hex')}`)
    }))
    t.diagnostic(`refused ${hostile.length - passed.length}, passed over ${passed.length}: ${passed.join(' ')}`)
    await witness.end()
  })

  // What is well formed may still be what Yjs cannot integrate: nothing here materialises a document. Others see only what can be read.
  on('updates that were cut or changed reach others only where they can be read, and only in their document', async (t, server) => {
    const random = randomFrom(seedOf(t))
    const witness = await new Witness(t, server).begin()
    const readers = await Promise.all(Array.from({ length: 8 }, (_, n) => open(t, server, `bits ${n % 4}`)))
    const codes = new Map()
    for (let round = 0; round < 150; round++) {
      const raw = await open(t, server, `bits ${round % 4}`)
      const frames = Array.from({ length: 20 }, () => {
        const bytes = Buffer.from(random.pick(realUpdates))
        if (random.chance(1, 3)) return frame(update(bytes.subarray(0, random.below(bytes.length))))
        for (let flips = 1 + random.below(3); flips > 0; flips--) bytes[random.below(bytes.length)] ^= 1 << random.below(8)
        return frame(random.chance(1, 2) ? update(bytes) : syncStep2(bytes))
      })
      await raw.write(Buffer.concat(frames))
      await raw.write(frame(Buffer.from('done'), { opcode: 9 }))
      const pong = () => raw.frames().some(([opcode, payload]) => opcode === 10 && payload.toString() === 'done')
      await until(() => raw.closeCode() || raw.isClosed || pong(), 'an answer')
      codes.set(raw.closeCode(), (codes.get(raw.closeCode()) ?? 0) + 1)
      raw.socket.destroy()
    }
    t.diagnostic(`ended with ${[...codes].map(([code, times]) => `${code}: ${times}`).join(', ')}`)
    const updatesOf = raw => raw.frames().filter(([opcode, payload]) => opcode === 2 && payload[0] === 0 && payload[1] > 0)
      .map(([, payload]) => decoding.readVarUint8Array(decoding.createDecoder(new Uint8Array(payload.subarray(2)))))
    const fresh = await Promise.all(Array.from({ length: 4 }, async (_, n) => {
      const raw = await open(t, server, `bits ${n}`)
      await raw.write(frame(syncStep1([0])))
      await until(() => raw.frames().some(([opcode, payload]) => opcode === 2 && payload[0] === 0 && payload[1] === 1), 'a whole document')
      return raw
    }))
    let seen = 0
    for (const raw of [...readers, ...fresh]) {
      assert.equal(raw.isClosed || raw.closeCode() !== undefined, false, 'who only reads stays')
      for (const bytes of updatesOf(raw)) {
        assert.doesNotThrow(() => Y.decodeUpdate(bytes), Buffer.from(bytes).toString('hex'))
        seen++
      }
      raw.socket.destroy()
    }
    t.diagnostic(`${seen} updates reached others`)
    await witness.end()
  })

  on('storms from clients that take no answer', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const large = provider(t, server.url, 'storm')
    await synced(large)
    large.doc.getText('text').insert(0, 'x'.repeat(1_000_000))
    large.awareness.setLocalState({ padding: 'x'.repeat(4_000) })
    const storms = {
      'SyncStep1': frame(syncStep1([0])),
      'QueryAwareness': frame(Buffer.from([3])),
      'ping': frame(Buffer.alloc(125, 'p'), { opcode: 9 }),
      'SyncStep2': frame(syncStep2([0, 0])),
      'update': frame(update(realUpdates[0])),
      'awareness': frame(awareness([[7, 1, '{}']]))
    }
    const raws = await Promise.all(Object.entries(storms).flatMap(([, one]) => Array.from({ length: 4 }, async () => {
      const raw = await open(t, server, 'storm', { read: false })
      const burst = Buffer.concat(Array(Math.ceil(65536 / one.length)).fill(one))
      const end = Date.now() + 4_000
      while (Date.now() < end && !raw.isClosed) {
        await Promise.race([raw.write(burst), new Promise(resolve => setTimeout(resolve, end - Date.now()))])
      }
      return raw
    })))
    t.diagnostic(`${raws.filter(raw => raw.isClosed).length} of ${raws.length} were closed`)
    raws.forEach(raw => raw.socket.destroy())
    await witness.end(400)
    large.destroy()
  })

  on('twenty thousand updates that never complete', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const raw = await open(t, server, 'witness')
    // One letter each, right of a letter that nobody ever sends.
    const parked = n => update(Buffer.concat([varUint(1), varUint(1), varUint(1_000_000 + n), varUint(5), Buffer.from([0x84]), varUint(77), varUint(n), text('x'), Buffer.from([0])]))
    for (let n = 0; n < 20_000; n += 100) {
      await raw.write(Buffer.concat(Array.from({ length: 100 }, (_, k) => frame(parked(n + k)))))
    }
    await raw.write(frame(Buffer.from('done'), { opcode: 9 }))
    await until(() => raw.isClosed || raw.closeCode() || raw.frames().some(([opcode]) => opcode === 10), 'all taken')
    raw.socket.destroy()
    await witness.end()
  })

  on('a thousand documents opened and written at once', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const raws = await Promise.all(Array.from({ length: 1_000 }, async (_, n) => {
      const raw = await open(t, server, `flood ${n}`)
      await raw.write(Buffer.concat(realUpdates.slice(0, 20).map(bytes => frame(update(bytes)))))
      return raw
    }))
    await new Promise(resolve => setTimeout(resolve, 500))
    raws.forEach(raw => raw.socket.destroy())
    await witness.end()
  })

  on('many unfinished messages do not take the memory', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const piece = Buffer.alloc(1 << 20)
    const raws = await Promise.all(Array.from({ length: 64 }, async (_, n) => {
      const raw = await open(t, server, `unfinished ${n}`)
      const [declared, sent] = [60 << 20, 30]
      await raw.write(frame(nothing, { declared }))
      for (let n = 0; n < sent && !raw.isClosed; n++) await raw.write(piece)
      return raw
    }))
    const codes = raws.map(raw => raw.closeCode())
    assert.ok(codes.every(code => code === undefined || code === 1013), `${codes}`)
    assert.ok(codes.filter(code => code === 1013).length >= raws.length / 2, `${codes}`)
    raws.forEach(raw => raw.socket.destroy())
    // Four shards, and as much again for what the allocator has not given back.
    await witness.end(2 * 4 * 64)
  }, { messageBytesMax: '64MiB', unfinishedBytesMax: '64MiB' })

  on('somebody else can neither change nor remove what a live client announced', async (t, server) => {
    const witness = await new Witness(t, server).begin()
    const [owner, reader] = [provider(t, server.url, 'who'), provider(t, server.url, 'who')]
    await synced(owner, reader)
    owner.awareness.setLocalState({ name: 'owner' })
    const seen = () => reader.awareness.getStates().get(owner.doc.clientID)?.name
    await until(() => seen() === 'owner', 'the owner')
    const names = new Set()
    reader.awareness.on('change', () => names.add(seen()))
    const other = await open(t, server, 'who')
    const id = owner.doc.clientID
    for (const clock of [0, 1, 2, 3, 100, 2 ** 32 - 1]) {
      await other.write(frame(awareness([[id, clock, 'null']])))
      await other.write(frame(awareness([[id, clock, '{"name":"other"}']])))
    }
    await other.write(frame(Buffer.from('done'), { opcode: 9 }))
    await until(() => other.frames().some(([opcode]) => opcode === 10), 'all taken')
    // Longer than an owner is given to show that it is alive.
    await new Promise(resolve => setTimeout(resolve, 7_000))
    other.socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.equal(seen(), 'owner')
    assert.deepEqual([...names].filter(name => name !== 'owner'), [])
    await witness.end()
  })

  on('a client that is back keeps its presence when its old socket ends', async (t, server) => {
    const reader = provider(t, server.url, 'back')
    await synced(reader)
    const old = await open(t, server, 'back')
    await old.write(frame(awareness([[4711, 5, '{"on":"old"}']])))
    const seen = () => reader.awareness.getStates().get(4711)?.on
    await until(() => seen() === 'old', 'the old connection')
    // Half dead: it answers no ping any more.
    old.socket.removeAllListeners('data')
    old.socket.pause()
    const fresh = await open(t, server, 'back')
    await fresh.write(frame(awareness([[4711, 6, '{"on":"fresh"}']])))
    await until(() => seen() === 'fresh', 'the takeover')
    old.socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 500))
    assert.equal(seen(), 'fresh')
    fresh.socket.destroy()
    await until(() => seen() === undefined, 'the end of the new one')
  })
}
