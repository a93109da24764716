// What others of its core feel of a large document: while it is put in, posted, copied, copied over another, opened and deleted, and sent by clients.
//   node tests/clients/large.mjs --url ws://127.0.0.1:8420/yjs --control http://127.0.0.1:8421 [--megabytes 25] [--clients 20] [--only clients]
// The document has single characters, each behind and in front of others that anybody has written: the most structs that so many bytes can have.
// Meanwhile two people of each of six small documents write and read, 100 updates a second each. Said are the slowest of these, and the longest turn of any core
// (the upper end of its bucket in /metrics). With a server of one core (--shards 1), those are others of the same core. Needs curl and tar.
import { createWriteStream, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import WebSocket from 'ws'
import * as encoding from 'lib0/encoding'

const { values } = parseArgs({
  options: {
    url: { type: 'string' }, control: { type: 'string' }, megabytes: { type: 'string', default: '25' }, clients: { type: 'string', default: '20' }, only: { type: 'string' }
  }
})
const run = Date.now().toString(36)
const folder = mkdtempSync(join(tmpdir(), 'large-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

/** Writes the document into a file, the same every time but for its clients. */
async function make (path, first) {
  let seed = 12345
  const random = max => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 2 ** 32 * max) }
  const people = Array.from({ length: Number(values.clients) }, (_, at) => ({ id: first + at * 250_001, clock: 0, structs: encoding.createEncoder() }))
  const reference = (to, person, clock) => { encoding.writeVarUint(to, person.id); encoding.writeVarUint(to, clock) }
  const anybody = () => { let one; do one = people[random(people.length)]; while (one.clock === 0); return one }
  let [writer, bytes] = [people[0], 0]
  while (bytes < Number(values.megabytes) * 1e6) {
    if (random(8) === 0) writer = people[random(people.length)]
    const to = writer.structs
    if (bytes === 0) {
      for (const byte of [4, 1, 1, 116]) encoding.write(to, byte)
    } else {
      const left = random(3) > 0 && writer.clock > 0 ? writer : anybody()
      const right = anybody()
      encoding.write(to, 0xc4)
      reference(to, left, left === writer && random(4) > 0 ? left.clock - 1 : random(left.clock))
      reference(to, right, random(right.clock))
    }
    encoding.write(to, 1)
    encoding.write(to, 97 + random(26))
    writer.clock++
    bytes += 19
  }
  const file = createWriteStream(path)
  const written = people.filter(person => person.clock > 0).sort((a, b) => b.id - a.id)
  file.write(encoding.encode(to => encoding.writeVarUint(to, written.length)))
  for (const { id, clock, structs } of written) {
    file.write(encoding.encode(to => [clock, id, 0].forEach(number => encoding.writeVarUint(to, number))))
    file.write(encoding.toUint8Array(structs))
  }
  file.end(Uint8Array.of(0))
  await once(file, 'finish')
  return written.reduce((sum, person) => sum + person.clock, 0)
}

const open = document => new Promise((resolve, reject) => {
  const socket = new WebSocket(`${values.url}/${document}`, { perMessageDeflate: false, maxPayload: 2 ** 30 })
  socket.once('message', () => resolve(socket))
  socket.once('error', reject)
})
const message = (type, body) => encoding.encode(to => {
  encoding.writeVarUint(to, 0)
  encoding.writeVarUint(to, type)
  encoding.writeVarUint8Array(to, body)
})

/** Types eight letters behind what it typed before. */
const typed = (client, clock, text) => encoding.encode(to => {
  for (const number of [1, 1, client, clock]) encoding.writeVarUint(to, number)
  if (clock === 0) for (const byte of [4, 1, 1, 116]) encoding.write(to, byte)
  else {
    encoding.write(to, 0x84)
    for (const number of [client, clock - 1]) encoding.writeVarUint(to, number)
  }
  encoding.writeVarString(to, text)
  encoding.writeVarUint(to, 0)
})

const slowest = { acknowledge: 0, deliver: 0 }
/** Somebody who writes and hears when that is on disk, and somebody who reads. */
async function pair (document, client) {
  const [writer, reader] = [await open(document), await open(document)]
  const sent = new Map()
  const listen = (socket, what) => socket.on('message', data => {
    // The large documents have none of these, and are looked through fast.
    for (let at = data.indexOf('#'); at >= 0; at = data.indexOf('#', at + 1)) {
      const stamp = data.toString('latin1', at, at + 8)
      if (sent.has(stamp)) slowest[what] = Math.max(slowest[what], performance.now() - sent.get(stamp))
    }
  })
  listen(writer, 'acknowledge')
  listen(reader, 'deliver')
  let number = 0
  setInterval(() => {
    const stamp = `#${String(number % 1e6).padStart(6, '0')}~`
    sent.set(stamp, performance.now())
    writer.send(message(2, typed(client, 8 * number++, stamp)))
  }, 10)
}

/** How many turns of all cores were not longer than so many seconds. */
async function turns () {
  const page = await (await fetch(`${values.control}/metrics`)).text()
  const buckets = page.matchAll(/^selvedge_turn_duration_seconds_bucket\{[^}]*le="([^"]+)"[^}]*\} (\S+)/gm)
  return [...buckets].map(([, limit, count]) => [limit, Number(count)])
}

async function measure (what, act) {
  await sleep(600)
  const before = await turns()
  Object.assign(slowest, { acknowledge: 0, deliver: 0 })
  const started = performance.now()
  await act()
  const took = performance.now() - started
  await sleep(600)
  const after = await turns()
  const news = after.map(([limit, count], at) => [limit, count - before[at][1]])
  const [longest] = news.find(([, count]) => count === news.at(-1)[1])
  console.log(`${what.padEnd(24)} ${took.toFixed(0).padStart(6)} ms; others: acknowledged within ${slowest.acknowledge.toFixed(0)} ms, ` +
    `delivered within ${slowest.deliver.toFixed(0)} ms; longest turn up to ${(Number(longest) * 1e3).toFixed(1)} ms`)
}

const curl = async (...args) => {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-H', 'Expect:', '-o', join(folder, 'answer'), '-w', '%{http_code}', ...args])
  if (!stdout.startsWith('2')) throw new Error(`curl ${args.join(' ')}: ${stdout}`)
}
const octets = ['-H', 'Content-Type: application/octet-stream']
const [one, other] = [join(folder, 'one.yjs'), join(folder, 'other.yjs')]
const structs = await make(one, 1e9)
await make(other, 2e9)
const { size } = statSync(one)
console.log(`${size} bytes, ${structs} structs`)
await Promise.all(Array.from({ length: 6 }, (_, at) => pair(`small-${run}-${at}`, 100 + at)))
await measure('nothing', () => sleep(1000))

const name = `large-${run}`
async function overHttp () {
  const url = `${values.control}/v1/documents/${name}`
  const archive = join(folder, 'archive.tar')
  await promisify(execFile)('tar', ['-C', folder, '-cf', archive, '--transform', `s/one/${name}/`, 'one.yjs'])
  await measure('import', () => curl('-T', archive, '-X', 'POST', '-H', 'Content-Type: application/x-tar', `${values.control}/v1/import`))
  const copy = overwrite => curl('-H', 'Content-Type: application/json', '-d', JSON.stringify({ to: `${name}-copy`, overwrite }), `${url}/copy`)
  await measure('copy', () => copy(false))
  await measure('copy over another', () => copy(true))
  if (size < 64 << 20) {
    await measure('update into it', () => curl('--data-binary', `@${other}`, ...octets, `${url}/updates`))
    await measure('update, known already', () => curl('--data-binary', `@${other}`, ...octets, `${url}/updates`))
  }
  await measure('first join', async () => {
    const socket = await open(`${name}-copy`)
    socket.send(message(0, Uint8Array.of(0)))
    await new Promise(resolve => socket.on('message', data => { if (data[0] === 0 && data[1] === 1) resolve() }))
    socket.terminate()
  })
  await measure('DELETE', () => curl('-X', 'DELETE', url))
}
if (values.only !== 'clients') await overHttp()

/** Sends messages, and waits until as many of the server's of this type have come as are wanted. */
async function send (document, messages, type, wanted = 1) {
  const socket = await open(document)
  let came = 0
  const all = new Promise((resolve, reject) => {
    socket.on('message', data => { if (data[0] === 0 && data[1] === type && ++came === wanted) resolve() })
    socket.once('close', code => reject(new Error(`closed with ${code}`)))
  })
  for (const message of messages) socket.send(message)
  await all
  socket.removeAllListeners('close')
  socket.terminate()
}
if (size < 64 << 20) {
  const [update, more] = [one, other].map(file => message(2, readFileSync(file)))
  // Its echo is what tells a client that it is saved.
  await measure('update of a client', () => send(`${name}-socket`, [update], 2))
  await measure('the same, known already', () => send(`${name}-socket`, [update], 2))
  // Others write to the document meanwhile, and get it between what they write; the answer says that it is saved.
  await pair(`${name}-socket`, 99)
  await measure('into what others write', () => send(`${name}-socket`, [more, message(0, Uint8Array.of(0))], 1))
  await measure('four at once', () => Promise.all([0, 1, 2, 3].map(at => send(`${name}-socket-${at}`, [update], 2))))
}
process.exit()
