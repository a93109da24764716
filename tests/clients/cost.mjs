// What a y-websocket server spends on a replayed editing session, in CPU time for each update: this server's or another's.
//   node tests/clients/cost.mjs --url ws://127.0.0.1:8420/yjs --pid PID [--trace friendsforever] [--copies 20]
// Every copy is a document of its own, written by the people of the recording, each on a connection, as fast as the server takes it. The end
// is an answered SyncStep1 on every connection, so all updates have been dealt with (here: are on disk) when the clock stops.
import { readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'
import * as Y from 'yjs'
import * as encoding from 'lib0/encoding'
import { recorded } from './lib/traces.mjs'

const { values } = parseArgs({
  options: {
    url: { type: 'string' }, pid: { type: 'string' }, trace: { type: 'string', default: 'friendsforever' }, copies: { type: 'string', default: '20' }
  }
})
const copies = Number(values.copies)
const ticks = Number(execFileSync('getconf', ['CLK_TCK']).toString())

/** Seconds of user and kernel time that the process has used. */
function cpu () {
  const fields = readFileSync(`/proc/${values.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return { user: Number(fields[11]) / ticks, kernel: Number(fields[12]) / ticks }
}

const message = (type, body) => encoding.encode(encoder => {
  encoding.writeVarUint(encoder, 0)
  encoding.writeVarUint(encoder, type)
  encoding.writeVarUint8Array(encoder, body)
})

const { updates } = recorded(values.trace)
const agents = [...new Set(updates.map(update => update.agent))]
const messages = agents.map(agent => updates.filter(update => update.agent === agent).map(({ update }) => message(2, update)))

const open = url => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  socket.once('open', () => resolve(socket))
  socket.once('error', reject)
})
const run = Date.now().toString(36)
const sockets = (await Promise.all(Array.from({ length: copies }, (_, copy) =>
  Promise.all(agents.map(() => open(`${values.url}/${values.trace}-${run}-${copy}`)))))).flat()

// Of somebody who has everything, so that what is measured is the writing, not the making of a large answer.
const everything = new Y.Doc()
everything.transact(() => updates.forEach(({ update }) => Y.applyUpdate(everything, update)))
const stateVector = Y.encodeStateVector(everything)

/** The answer to a SyncStep1 that is sent now. */
const answered = socket => new Promise((resolve, reject) => {
  socket.once('close', code => reject(new Error(`closed with ${code}`)))
  socket.on('message', data => { if (data[0] === 0 && data[1] === 1) resolve() })
  socket.send(message(0, stateVector))
})

const before = cpu()
const started = process.hrtime.bigint()
await Promise.all(sockets.map((socket, at) => {
  for (const update of messages[at % agents.length]) socket.send(update)
  return answered(socket)
}))
const seconds = Number(process.hrtime.bigint() - started) / 1e9
const after = cpu()
const total = updates.length * copies
const micros = (to, from) => ((to - from) * 1e6 / total).toFixed(2)
console.log(`${values.trace} x ${copies}: ${total} updates in ${seconds.toFixed(2)} s (${Math.round(total / seconds)} /s), ` +
  `server CPU per update: ${micros(after.user + after.kernel, before.user + before.kernel)} us ` +
  `(user ${micros(after.user, before.user)}, kernel ${micros(after.kernel, before.kernel)})`)
sockets.forEach(socket => socket.terminate())
