// Mutated updates: whatever the codec accepts, Yjs applies without an exception and without anything left waiting.
//
// SELVEDGE_FUZZ_DOCUMENTS says how many documents are mutated (600 times each), SELVEDGE_RANDOM_SEED where to begin.
import * as Y from 'yjs'
import { COMPACTIONS, DIVIDE, MERGE, SPLIT, VERDICT, end, runAll } from './codec.mjs'
import { Editor, REMOTE, isPending, load, randomFrom, roots, sync } from './documents.mjs'
import { equalBytes, hex } from './units.mjs'

const DOCUMENTS = Number(process.env.SELVEDGE_FUZZ_DOCUMENTS ?? 200)
const SEED = Number(process.env.SELVEDGE_RANDOM_SEED ?? (Date.now() % 1_000_000_000))
const MUTATIONS = 600
// Bytes that mean something: info bytes, tags, edges of numbers.
const SPEAKING = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 32, 39, 40, 64, 68, 116, 117, 118, 119, 120, 125, 126, 127, 128, 129, 132, 135, 136, 193, 196, 255]

const counts = {}
const count = what => { counts[what] = (counts[what] ?? 0) + 1 }
let failed = false
const fail = (what, update) => { failed = true; console.log(`FAILED: ${what}: ${hex(update)}`) }

/** What two clients sent, the first half of it merged, and the rest as it came and merged. */
const material = random => {
  const editor = new Editor(random)
  const log = []
  const docs = [1 + random.int(3), 5].map(client => {
    const doc = new Y.Doc()
    doc.clientID = client
    doc.on('update', (update, origin) => { if (origin !== REMOTE) log.push(update) })
    return doc
  })
  for (let step = 0; step < 14; step++) {
    for (const doc of docs) doc.transact(() => editor.edit(doc))
    const direction = random.int(3)
    if (direction === 0) sync(docs[1], docs[0])
    if (direction === 1) sync(docs[0], docs[1])
  }
  const half = log.length >> 1
  const base = Y.mergeUpdates(log.slice(0, half))
  const next = log.slice(half)
  return { base, next: [...next, Y.mergeUpdates(next), ...docs.map(doc => Y.encodeStateAsUpdate(doc))] }
}

const mutate = (random, update) => {
  const bytes = [...update]
  for (let n = 1 + random.int(3); n-- && bytes.length;) {
    const at = random.int(bytes.length)
    switch (random.int(6)) {
      case 0: bytes[at] ^= 1 << random.int(8); break
      case 1: bytes[at] = random.of(SPEAKING); break
      case 2: bytes.splice(at, 1); break
      case 3: bytes.splice(at, 0, random.of(SPEAKING)); break
      case 4: bytes[at] = (bytes[at] + (random.int(2) ? 1 : 255)) & 255; break
      case 5: { const from = random.int(bytes.length); bytes.splice(at, 0, ...bytes.slice(from, from + 1 + random.int(6))) }
    }
  }
  return new Uint8Array(bytes)
}

const decodes = update => { try { Y.decodeUpdate(update); return true } catch { return false } }

const applied = (base, update) => {
  const doc = load(base, { client: 99 })
  Y.applyUpdate(doc, update, REMOTE)
  return doc
}

/** An accepted update, and what is written of it, must work in every client. */
const checkAccepted = (base, raw, stored) => {
  count('accepted')
  if (!equalBytes(raw, stored)) {
    count('accepted in part')
    try { if (isPending(applied(base, raw))) count('accepted in part, and raw it would wait for ever') } catch { count('accepted in part, and raw it would throw') }
  }
  let doc
  try { doc = applied(base, stored) } catch (error) { fail(`Yjs throws at what is accepted: ${error.message}`, stored); return }
  if (isPending(doc)) { fail('what is accepted waits in Yjs', stored); return }
  try {
    const again = load(Y.encodeStateAsUpdate(doc))
    if (isPending(again)) fail('the state does not reload', stored)
    roots(doc).forEach(root => root.toJSON())
  } catch (error) {
    // Nothing that an update says of a null inside an XmlFragment is wrong; Yjs cannot print it.
    if (/null/.test(error.message)) count('accepted, and Yjs cannot print it')
    else fail(`Yjs throws at reading what is accepted: ${error.message}`, stored)
  }
}

const checkDocument = async seed => {
  const random = randomFrom(seed)
  const { base, next } = material(random)
  const mutants = Array.from({ length: MUTATIONS }, () => mutate(random, random.of(next))).filter(update => update.length > 1)
  for (const update of mutants) {
    const [verdict, merged, squashed, collected, parts] = await runAll([
      [VERDICT, base, update], [MERGE, update], [COMPACTIONS.squash, update], [COMPACTIONS.collect, update], [SPLIT, update, Buffer.from('20')]
    ])
    const word = Buffer.from(verdict[0]).toString()
    if (word.startsWith('refused')) { count(decodes(update) ? 'refused, and Yjs decodes it' : 'refused, and Yjs throws'); continue }
    if (!decodes(update)) { fail('Yjs throws at what is not refused', update); continue }
    for (const written of [merged, squashed, collected]) {
      if (written.refused) fail(`${word}, but refused: ${written.refused}`, update)
      else if (!decodes(written[0])) fail('Yjs throws at what was written', written[0])
    }
    if (word.startsWith('missing')) {
      const [divided] = await runAll([[DIVIDE, base, update]])
      if (divided.refused) { count('missing, and refused when it is divided'); continue }
      const [part, rest] = divided
      for (const written of divided) if (!decodes(written)) fail('Yjs throws at what was divided', written)
      if (part.length > 2) { count('taken in part'); checkAccepted(base, part, part) }
      if (rest.length === 2) count('missing, but nothing follows on it')
    }
    if (word !== 'accepted') { count(word.split(' ')[0]); continue }
    if (!parts.refused) for (const part of parts) if (!decodes(part)) fail('Yjs throws at a part', part)
    checkAccepted(base, update, verdict[1])
  }
}

// What Yjs prints about updates that it cannot read.
console.error = console.warn = () => {}
console.log(`mutated documents: ${DOCUMENTS} from SELVEDGE_RANDOM_SEED=${SEED}`)
for (let n = 0; n < DOCUMENTS; n++) await checkDocument(SEED + n)
for (const [what, n] of Object.entries(counts).sort()) console.log(String(n).padStart(8), what)
process.exitCode = failed || !counts.accepted ? 1 : 0
end()
