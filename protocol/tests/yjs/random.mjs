// Random documents: every operation of the codec is held against Yjs.
//
// Each document has several clients, all shared types, undo managers, partial syncs, garbage collection on and off, and
// sometimes a client that is away and returns. SELVEDGE_RANDOM_DOCUMENTS says how many, SELVEDGE_RANDOM_SEED where to
// begin; document n of seed s is document 0 of seed s + n.
import * as Y from 'yjs'
import { ACCEPT, CHECK, COMPACTIONS, DIFF, DIVIDE, KNOWN, MERGE, SPLIT, STATE_VECTOR, end, run, runAll, runEach } from './codec.mjs'
import { Editor, REMOTE, blur, isPending, load, randomFrom, roots, stateVector, sync, view, viewPlain } from './documents.mjs'
import { difference, equalBytes, hex, shape } from './units.mjs'

const DOCUMENTS = Number(process.env.SELVEDGE_RANDOM_DOCUMENTS ?? 2000)
const SEED = Number(process.env.SELVEDGE_RANDOM_SEED ?? (Date.now() % 1_000_000_000))
const SHOWN_MAX = 3
const NOTHING = new Uint8Array([0, 0])

const counts = {}
const count = what => { counts[what] = (counts[what] ?? 0) + 1 }
const failures = new Map()
const fail = (seed, what, detail = '') => {
  const seeds = failures.get(what) ?? []
  failures.set(what, [...seeds, seed])
  if (seeds.length < SHOWN_MAX) console.log(`seed ${seed}: ${what}`, String(detail).slice(0, 600))
}

/** What people did to a document, and what the server was sent. */
class History {
  constructor (seed) {
    this.seed = seed
    const random = this.random = randomFrom(seed * 7919)
    // Half of the documents have no surrogate pairs and are compared to the letter: a text whose pairs were cut in half
    // reads differently in Yjs itself, depending on who cut what when.
    this.pairs = seed % 2 === 0
    this.editor = new Editor(random, { pairs: this.pairs, subdocuments: random.int(2) > 0 })
    this.log = []
    this.docs = Array.from({ length: 2 + random.int(3) }, (_, i) => this.client(i))
    this.undo = this.docs.map(doc => random.int(2) ? new Y.UndoManager(roots(doc), { captureTimeout: random.int(2) ? 0 : 500 }) : null)
    this.edit()
    this.setAside()
  }

  client (i) {
    const random = this.random
    const doc = new Y.Doc({ gc: random.int(4) > 0 })
    doc.clientID = random.int(3) ? 100 + i * 37 + random.int(30) : 1 + random.int(2 ** 31) * 2 + i % 2
    doc.on('update', (update, origin) => { if (origin !== REMOTE) this.log.push(update) })
    return doc
  }

  edit () {
    const { random, docs } = this
    const steps = 10 + random.int(70)
    const awayFrom = Math.floor(steps * random())
    const mayGo = docs.length > 2 && random.int(2)
    this.away = null
    for (let step = 0; step < steps; step++) {
      if (step === awayFrom && mayGo) this.away = docs.length - 1
      const i = random.int(docs.length)
      this.act(i)
      if (random.int(3) === 0) {
        const [a, b] = [random.int(docs.length), random.int(docs.length)]
        if (a !== b && a !== this.away && b !== this.away) sync(docs[a], docs[b])
      }
      // Like a SyncStep2: overlaps what was sent, and has what the client collected as Gc.
      if (random.int(12) === 0 && i !== this.away) {
        this.log.push(Y.encodeStateAsUpdate(docs[i], random.int(2) ? undefined : Y.encodeStateVector(random.of(docs))))
      }
    }
  }

  act (i) {
    const { random, docs, undo, editor } = this
    const what = random.int(12)
    if (undo[i] && what === 0) undo[i].undo()
    else if (undo[i] && what === 1) undo[i].redo()
    else docs[i].transact(() => { for (let n = 1 + random.int(4); n--;) editor.edit(docs[i]) })
  }

  /** Of the client that is away, the later updates come at the end, and with them whatever builds on them. */
  setAside () {
    if (this.away === null) return
    const client = this.docs[this.away].clientID
    const keep = 2 + this.random.int(Math.max(1, this.log.length))
    const server = load(Y.encodeStateAsUpdate(new Y.Doc()))
    const rest = []
    const log = []
    let own = 0
    for (const update of this.log) {
      if (Y.parseUpdateMeta(update).to.has(client) && own++ >= keep) { rest.push(update); continue }
      const probe = load(Y.mergeUpdates([Y.encodeStateAsUpdate(server), update]))
      if (isPending(probe)) rest.push(update)
      else { Y.applyUpdate(server, update); log.push(update) }
    }
    this.log = log
    this.late = rest
  }
}

const same = (history, a, b, what) => {
  if (a === b) return true
  if (!history.pairs || blur(a) !== blur(b)) return false
  count(`only halves of surrogate pairs differ: ${what}`)
  return true
}

/** Merging, in any grouping, order and repetition, and accepting in any order. */
const checkMerge = async history => {
  const { seed, log, random } = history
  const theirs = Y.mergeUpdates(log)
  const shuffled = log.map(update => [random(), update]).sort((a, b) => a[0] - b[0]).map(([, update]) => update)
  const repeated = [...shuffled, ...shuffled.filter(() => random.int(4) === 0)]
  const groups = []
  for (let at = 0; at < shuffled.length;) { const n = 1 + random.int(9); groups.push(shuffled.slice(at, at + n)); at += n }
  const [merged, twice, accepted, ...rest] = await runEach([
    [MERGE, ...log], [MERGE, ...repeated], [ACCEPT, ...shuffled], ...groups.map(group => [MERGE, ...group]), ...log.map(update => [CHECK, update])
  ])
  const parts = rest.slice(0, groups.length)
  const [ofParts, vector, ...vectors] = await runEach([[MERGE, ...parts], [STATE_VECTOR, merged], ...parts.map(part => [STATE_VECTOR, part])])
  const expectUnits = (what, a, b) => { const found = difference(a, b, 'forms'); if (found) fail(seed, what, found) }
  shape(merged) === shape(theirs) ? count('merges with the same structs as in Yjs') : count('merges cut at other places than in Yjs')
  expectUnits('merge differs from Yjs', theirs, merged)
  expectUnits('merge of repeated updates differs', merged, twice)
  expectUnits('merge of merges differs', merged, ofParts)
  expectUnits('accepting in another order differs', merged, accepted)
  groups.forEach((group, i) => {
    expectUnits('merge of a part differs from Yjs', Y.mergeUpdates(group), parts[i])
    if (!equalBytes(vectors[i], Y.encodeStateVectorFromUpdate(parts[i]))) fail(seed, 'state vector of a part')
  })
  if (!equalBytes(vector, Y.encodeStateVectorFromUpdate(merged))) fail(seed, 'state vector')
  return { theirs, merged, twice, ofParts, accepted }
}

/**
 * An update from which something is withheld, for a document that has a part of it: what is taken is what Yjs integrates, and what
 * is left is what Yjs keeps as pending. With what was withheld, the rest makes the document whole.
 */
const checkDivide = async (history, merged, theirs) => {
  const { seed, log, random } = history
  for (let round = 0; round < 3; round++) {
    const [base] = await runAll([[DIVIDE, Y.mergeUpdates([NOTHING, ...log.filter(() => random.int(3) === 0)])]])
    if (base.refused) { fail(seed, 'dividing for an empty document', base.refused); return }
    const [state] = base
    const withheld = log.filter(() => random.int(6) === 0)
    const update = Y.mergeUpdates([NOTHING, ...log.filter(update => !withheld.includes(update))])
    const [divided] = await runAll([[DIVIDE, state, update]])
    if (divided.refused) { fail(seed, 'dividing', divided.refused); return }
    const [part, rest] = divided
    const at = () => load(state, { gc: false, shown: false })
    const [yjs, ours] = [at(), at()]
    Y.applyUpdate(yjs, update, REMOTE)
    Y.applyUpdate(ours, part, REMOTE)
    if (isPending(ours)) fail(seed, 'a part leaves something waiting')
    if (stateVector(yjs) !== stateVector(ours)) fail(seed, 'a part is not what Yjs integrates', `${hex(part)}`)
    const { pendingStructs, pendingDs } = yjs.store
    const pending = [pendingStructs?.update, pendingDs].filter(Boolean).map(Y.convertUpdateFormatV2ToV1)
    if (pending.length) count(equalBytes(part, NOTHING) ? 'updates that wait as a whole' : 'updates taken in part')
    const waits = Y.mergeUpdates([NOTHING, ...pending])
    const found = difference(waits, rest)
    if (found) fail(seed, 'a rest is not what Yjs keeps as pending', found)
    yjs.store.pendingStructs = yjs.store.pendingDs = null
    const apart = difference(Y.encodeStateAsUpdate(yjs), Y.encodeStateAsUpdate(ours), 'forms')
    if (apart) fail(seed, 'a part makes another document than in Yjs', apart)
    if (!same(history, view(yjs), view(ours), 'divided')) fail(seed, 'a part looks different', `${view(yjs)}\n${view(ours)}`)

    // What was withheld comes, and the rest is offered again.
    const whole = await run(MERGE, state, part, rest, ...withheld)
    const differs = difference(merged, whole, 'forms')
    if (differs) fail(seed, 'part, rest and what was withheld are not the whole', differs)
    const doc = load(Y.mergeUpdates([state, part]))
    for (const update of [...withheld, rest]) Y.applyUpdate(doc, update, REMOTE)
    if (isPending(doc)) fail(seed, 'what was withheld does not complete the rest')
    if (stateVector(doc) !== stateVector(load(theirs))) fail(seed, 'completed, the document has another state vector')
  }
}

const randomStateVector = (random, whole) => {
  const clocks = [...Y.decodeStateVector(whole)].filter(() => random.int(4)).map(([client, clock]) => [client, random.int(clock + 2)])
  const out = []
  const put = n => { for (; n > 127; n = Math.floor(n / 128)) out.push(n % 128 + 128); out.push(n) }
  put(clocks.length)
  clocks.sort((a, b) => b[0] - a[0]).forEach(([client, clock]) => { put(client); put(clock) })
  return new Uint8Array(out)
}

const checkDiff = async (history, merged, whole) => {
  const vectors = [whole, ...Array.from({ length: 4 }, () => randomStateVector(history.random, whole))]
  const diffs = await runEach(vectors.map(vector => [DIFF, merged, vector]))
  vectors.forEach((vector, i) => {
    count('diffs')
    const theirs = Y.diffUpdate(merged, vector)
    if (shape(diffs[i]) !== shape(theirs)) fail(history.seed, 'diff differs from Yjs', `${shape(diffs[i])}\n${shape(theirs)}`)
    // The same re-encoding, loaded on top of what the peer has.
    const [ours, yjs] = [diffs[i], theirs].map(diff => Y.encodeStateAsUpdate(load(Y.mergeUpdates([merged, diff]))))
    if (!equalBytes(ours, yjs)) fail(history.seed, 'Yjs re-encodes our diff otherwise')
  })
}

const LOOSE = { squash: '', smaller: 'content', leaf: 'content', smallest: 'buried', collect: 'buried' }

const compactAll = async update => {
  const names = Object.keys(COMPACTIONS)
  const small = await runEach(names.map(name => [COMPACTIONS[name], update]))
  return Object.fromEntries(names.map((name, i) => [name, small[i]]))
}

const checkCompact = async (history, merged) => {
  const compacted = await compactAll(merged)
  for (const [name, update] of Object.entries(compacted)) {
    const found = difference(merged, update, LOOSE[name])
    if (found) fail(history.seed, `${name} differs`, found)
  }
  const again = await runEach(Object.entries(compacted).map(([name, update]) => [COMPACTIONS[name], update]))
  Object.entries(compacted).forEach(([name, update], i) => { if (!equalBytes(update, again[i])) fail(history.seed, `${name} twice differs`) })
  return compacted
}

/** What is known of the stored state is what a client says of the same state. */
const checkKnown = async (history, merged) => {
  const [[vector, deletes]] = await runAll([[KNOWN, merged]])
  const theirs = load(Y.diffUpdate(merged, new Uint8Array([0])), { gc: false })
  if (hex(vector) !== stateVector(theirs)) fail(history.seed, 'known state vector')
  if (deletes[0] !== 0) fail(history.seed, 'known deletions have structs')
  const found = difference(Y.diffUpdate(merged, vector), deletes)
  if (found) fail(history.seed, 'known deletions differ', found)
}

/** Loaded anew, everything looks the same and has the same state vector. */
const checkLoaded = (history, variants, theirs) => {
  const reference = load(theirs)
  // Encoded without being shown: what Yjs tidies depends on structs that no longer have their content.
  const encode = (update, gc) => Y.encodeStateAsUpdate(load(update, { gc, shown: false }))
  const encoded = { true: encode(theirs, true), false: encode(theirs, false) }
  for (const [name, update] of Object.entries(variants)) {
    for (const gc of [true, false]) {
      const doc = load(update, { gc })
      if (isPending(doc)) fail(history.seed, `${name} leaves something waiting`)
      if (!same(history, view(doc), view(reference), 'loaded')) fail(history.seed, `${name} loads differently`, `${view(doc)}\n${view(reference)}`)
      if (stateVector(doc) !== stateVector(reference)) fail(history.seed, `${name} has another state vector`)
      const again = encode(update, gc)
      const found = LOOSE[name] === 'buried' ? null : difference(encoded[gc], again, 'forms')
      if (found) fail(history.seed, `${name} is re-encoded otherwise`, found)
      if (gc && !history.pairs && LOOSE[name] === undefined) {
        equalBytes(encoded[gc], again) ? count('re-encoded to the same bytes') : fail(history.seed, `${name} is re-encoded to other bytes`)
      }
    }
  }
}

/**
 * Applied one after the other, the parts leave nothing waiting, and the document comes out the same.
 *
 * One thing Yjs does between two parts: it tidies formatting. Marks with nothing between them are deleted, also when a
 * later part would have brought text that stands there. So documents with formatting are compared without it, and how
 * often it differs is counted.
 */
const checkSplit = async (history, merged, compacted) => {
  const { seed, random } = history
  const formats = Y.decodeUpdate(merged).structs.some(struct => struct.content instanceof Y.ContentFormat)
  for (const [name, update] of [['merged', merged], ['collect', compacted.collect], ['squash', compacted.squash]]) {
    const bytesMax = 1 + random.int(Math.max(2, update.length))
    const [parts] = await runAll([[SPLIT, update, Buffer.from(String(bytesMax))]])
    if (parts.refused) { fail(seed, 'split refused', parts.refused); continue }
    const gc = random.int(2) > 0
    const doc = load(new Uint8Array([0, 0]), { gc })
    for (const part of parts) {
      count('parts')
      Y.applyUpdate(doc, part, REMOTE)
      if (isPending(doc)) fail(seed, `a part of ${name} waits`)
    }
    const found = difference(update, await run(MERGE, ...parts))
    if (found) fail(seed, `the parts of ${name} merged differ`, found)
    const whole = load(update, { gc })
    if (stateVector(doc) !== stateVector(whole)) fail(seed, `the parts of ${name} have another state vector`)
    const [ours, theirs] = [doc, whole].map(formats ? viewPlain : view)
    if (!same(history, ours, theirs, 'split')) fail(seed, `the parts of ${name} load differently`, `${ours}\n${theirs}`)
    if (formats) count(same(history, view(doc), view(whole), 'split') ? 'splits of formatted text that keep it' : 'splits after which Yjs tidied formatting')
  }
}

/** A client with the whole history, one loaded from the compacted state, an undo manager and a late client go on at once. */
const checkLaterEdits = async (history, name, update, theirs) => {
  const random = randomFrom(history.seed * 31 + 5)
  const editor = new Editor(random, { pairs: history.pairs, subdocuments: history.editor.subdocuments })
  const fresh = load(update, { gc: random.int(2) > 0, client: 50 })
  const old = load(theirs, { gc: false, client: 51 })
  const third = load(theirs, { client: 99999 })
  const all = [fresh, old, third]
  const tail = []
  for (const doc of all) doc.on('update', (edit, origin) => { if (origin !== REMOTE) tail.push(edit) })
  const undo = new Y.UndoManager(roots(old), { captureTimeout: 0 })
  for (let n = 0; n < 12; n++) {
    for (const doc of all) doc.transact(() => editor.edit(doc))
    if (random.int(3) === 0) undo.undo()
    if (random.int(5) === 0) { const [a, b] = [random.of(all), random.of(all)]; if (a !== b) sync(a, b) }
  }
  const late = history.late ?? []
  for (const doc of all) for (const edit of late) Y.applyUpdate(doc, edit, REMOTE)
  for (let n = 0; n < 3; n++) for (const a of all) for (const b of all) if (a !== b) sync(a, b)
  const views = all.map(view)
  const converged = same(history, views[0], views[1], 'later') && same(history, views[1], views[2], 'later') &&
    stateVector(fresh) === stateVector(old) && stateVector(old) === stateVector(third) && !all.some(isPending)
  if (!converged) return { diverged: views.join('\n') }
  count(`later edits converge after ${name}`)
  // The server's side of the same story: the state and what followed, compacted again.
  const command = COMPACTIONS[name] ?? MERGE
  const server = await run(command, await run(MERGE, update, ...late, ...tail))
  if (stateVector(load(server)) !== stateVector(fresh)) fail(history.seed, `${name}: the server has another state vector`)
  // Tidying of formatting makes deletions that only clients know.
  const settled = load(server, { gc: false })
  for (const doc of [fresh, old]) sync(doc, settled)
  // Rarely, where a surrogate pair was split, Yjs itself orders texts otherwise when it loads what its own clients encode.
  const reloaded = load(Y.encodeStateAsUpdate(old), { gc: false })
  if (!same(history, view(settled), views[0], 'server') && same(history, view(settled), view(reloaded), 'reloaded')) {
    count('clients whose own encoding Yjs loads otherwise')
  } else if (!same(history, view(settled), views[0], 'server')) fail(history.seed, `${name}: the server has another state`, `${view(settled)}\n${views[0]}`)
  if (history.away !== null) await checkReturn(history, name, server, settled)
  return {}
}

/** The client that was away gets what it lacks from the compacted state. */
const checkReturn = async (history, name, server, settled) => {
  const own = Y.encodeStateAsUpdate(history.docs[history.away])
  const back = load(own, { gc: false, client: 77 })
  Y.applyUpdate(back, await run(DIFF, server, Y.encodeStateVector(back)), REMOTE)
  sync(back, settled)
  sync(settled, back)
  sync(back, settled)
  count('clients that return')
  if (same(history, view(back), view(settled), 'return') && !isPending(back)) return
  // Does Yjs itself come out the same when it was never compacted?
  const full = load(Y.encodeStateAsUpdate(settled), { gc: false })
  const control = load(own, { gc: false, client: 78 })
  sync(full, control)
  sync(control, full)
  if (same(history, view(control), view(full), 'return')) fail(history.seed, `${name}: a client that returns differs`, `${view(back)}\n${view(settled)}`)
  else count('clients that return differently in Yjs itself')
}

const checkDocument = async seed => {
  const history = new History(seed)
  if (history.log.length < 2) { count('documents that are too short'); return }
  count('documents')
  const { theirs, merged, twice, ofParts, accepted } = await checkMerge(history)
  await checkDivide(history, merged, theirs)
  await checkDiff(history, merged, Y.encodeStateVector(load(theirs)))
  await checkKnown(history, merged)
  const compacted = await checkCompact(history, merged)
  checkLoaded(history, { merged, twice, ofParts, accepted, ...compacted }, theirs)
  await checkSplit(history, merged, compacted)
  if ((await checkLaterEdits(history, 'nothing', theirs, theirs)).diverged) { count('documents that diverge in Yjs itself'); return }
  for (const [name, update] of Object.entries(compacted)) {
    const { diverged } = await checkLaterEdits(history, name, update, theirs)
    if (diverged) fail(seed, `${name}: later edits diverge`, diverged)
  }
}

console.log(`random documents: ${DOCUMENTS} from SELVEDGE_RANDOM_SEED=${SEED}`)
for (let n = 0; n < DOCUMENTS; n++) {
  try { await checkDocument(SEED + n) } catch (error) { fail(SEED + n, 'exception', error.stack) }
}
for (const [what, n] of Object.entries(counts).sort()) console.log(String(n).padStart(8), what)
for (const [what, seeds] of failures) console.log(`FAILED ${seeds.length} times: ${what}; seeds ${seeds.slice(0, 5)}`)
process.exitCode = failures.size || !counts.documents ? 1 : 0
end()
