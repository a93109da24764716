// The recorded editing sessions: text, state vector and size after every operation of the codec, against Yjs.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import zlib from 'node:zlib'
import * as Y from 'yjs'
import { ACCEPT, COMPACTIONS, DIFF, MERGE, SPLIT, end, run, runAll, runEach } from './codec.mjs'
import { difference, equalBytes, shape } from './units.mjs'

const DIRECTORY = new URL('../../../tests/traces/', import.meta.url)
const PART_BYTES = 16_384

let failed = false
const expect = (holds, what) => { if (!holds) { failed = true; console.log(`FAILED: ${what}`) } }

const read = file => {
  const [header, ...lines] = zlib.gunzipSync(fs.readFileSync(new URL(file, DIRECTORY))).toString().trim().split('\n')
  return { ...JSON.parse(header), log: lines.map(line => new Uint8Array(Buffer.from(JSON.parse(line)[2], 'base64'))) }
}

const load = (...updates) => {
  const doc = new Y.Doc()
  for (const update of updates) {
    Y.applyUpdate(doc, update)
    expect(doc.store.pendingStructs === null && doc.store.pendingDs === null, 'nothing waits')
  }
  return doc
}

const check = async file => {
  const { name, log, endSha256 } = read(file)
  const merged = await run(MERGE, ...log)
  const inTurns = []
  for (let at = 0; at < log.length; at += 64) inTurns.push(log.slice(at, at + 64))
  const turns = await runEach(inTurns.map(turn => [MERGE, ...turn]))
  const squashedTurns = await runEach(turns.map(turn => [COMPACTIONS.squash, turn]))
  const states = { merged, turns: await run(MERGE, ...turns), squashedTurns: await run(MERGE, ...squashedTurns), accepted: await run(ACCEPT, ...log) }
  for (const [how, command] of Object.entries(COMPACTIONS)) states[how] = await run(command, merged)
  const collected = new Y.Doc()
  collected.transact(() => log.forEach(update => Y.applyUpdate(collected, update)))
  const theirs = Y.encodeStateAsUpdate(collected)
  const vector = Y.encodeStateVector(collected)
  const sameText = doc => createHash('sha256').update(doc.getText('text').toString()).digest('hex') === endSha256 &&
    equalBytes(Y.encodeStateVector(doc), vector)
  for (const [how, state] of Object.entries(states)) {
    expect(sameText(load(state)), `${name}: ${how} has the text and the state vector`)
    const loose = { smaller: 'content', leaf: 'content', smallest: 'buried', collect: 'buried' }[how] ?? ''
    expect(difference(merged, state, loose) === null, `${name}: ${how} is the same unit by unit`)
    if (COMPACTIONS[how]) expect(equalBytes(await run(COMPACTIONS[how], state), state), `${name}: ${how} twice changes nothing`)
  }
  expect(states.collect.length <= theirs.length, `${name}: no larger than what Yjs makes`)
  expect(states.smallest.length <= states.collect.length, `${name}: the smallest is`)
  expect(equalBytes(Y.encodeStateAsUpdate(load(states.collect)), theirs), `${name}: Yjs re-encodes it to its own bytes`)
  const some = log.slice(0, 3000)
  expect(shape(await run(MERGE, ...some)) === shape(Y.mergeUpdates(some)), `${name}: merge has the structs of Yjs`)
  const half = Y.encodeStateVector(load(Y.mergeUpdates(some)))
  expect(shape(await run(DIFF, merged, half)) === shape(Y.diffUpdate(merged, half)), `${name}: diff has the structs of Yjs`)
  const [parts] = await runAll([[SPLIT, merged, Buffer.from(String(PART_BYTES))]])
  expect(parts.every(part => part.length <= PART_BYTES), `${name}: no part is too large`)
  expect(sameText(load(...parts)), `${name}: the parts have the text`)
  const sizes = Object.fromEntries(Object.entries(states).map(([how, state]) => [how, state.length]))
  const sum = list => list.reduce((total, update) => total + update.length, 0)
  console.log(JSON.stringify({ name, updates: log.length, bytes: sum(log), turns: sum(turns), squashedTurns: sum(squashedTurns), yjs: theirs.length, states: sizes }))
}

for (const file of fs.readdirSync(DIRECTORY).filter(file => file.endsWith('.gz'))) await check(file)
process.exitCode = failed ? 1 : 0
end()
