// Makes the vectors in `../vectors`: updates that Yjs wrote of every kind of content, and what the codec makes of them.
//
// Everything the codec made is first held against Yjs. With --check nothing is written, and the vectors must be what
// would have been written. The Rust test `../vectors.rs` reads them without Yjs.
import fs from 'node:fs'
import * as Y from 'yjs'
import { COMPACTIONS, DIFF, MERGE, SPLIT, STATE_VECTOR, end, run, runAll } from './codec.mjs'
import { REMOTE, isPending, load, stateVector, sync, view } from './documents.mjs'
import { difference, equalBytes, hex, shape } from './units.mjs'

const DIRECTORY = new URL('../vectors/', import.meta.url)
const PART_BYTES = 40
const check = process.argv.includes('--check')

/** Documents of clients 1 and up, and every update that they made. */
const clients = (count, gc = true) => {
  const log = []
  const docs = Array.from({ length: count }, (_, i) => {
    const doc = new Y.Doc({ gc })
    doc.clientID = i + 1
    doc.on('update', (update, origin) => { if (origin !== REMOTE) log.push(update) })
    return doc
  })
  return { log, docs }
}

const one = (edit, gc) => () => {
  const { log, docs: [doc] } = clients(1, gc)
  edit(doc)
  return log
}

const CASES = {
  text: ['typed letter by letter', one(doc => [...'hello'].forEach((letter, i) => doc.getText('text').insert(i, letter)))],
  deleted: ['text of which some is deleted and collected', one(doc => {
    const text = doc.getText('text')
    text.insert(0, 'hello world')
    text.delete(2, 5)
    text.insert(2, 'y')
  })],
  'deleted-kept': ['the same with garbage collection off', one(doc => {
    const text = doc.getText('text')
    text.insert(0, 'hello world')
    text.delete(2, 5)
    text.insert(2, 'y')
  }, false)],
  json: ['content of kind JSON, which old versions of Yjs wrote, a missing value included', () => [
    new Uint8Array([1, 1, 1, 0, 2, 1, 5, ...Buffer.from('array'), 3, 2, ...Buffer.from('17'), 9, ...Buffer.from('undefined'), 7, ...Buffer.from('{"a":1}'), 0]),
    new Uint8Array([1, 1, 1, 3, 0x82, 1, 2, 1, 4, ...Buffer.from('null'), 1, 1, 1, 1, 1])
  ]],
  binary: ['bytes', one(doc => doc.getArray('array').push([new Uint8Array([0, 255, 7])]))],
  embed: ['embedded objects', one(doc => {
    doc.getText('text').insertEmbed(0, { image: 'é"\\' })
    doc.getText('text').insertEmbed(1, {})
  })],
  format: ['formatting that begins, ends and overlaps', one(doc => {
    const text = doc.getText('text')
    text.insert(0, 'abcdef')
    text.format(1, 3, { bold: true })
    text.format(2, 4, { color: { r: 1 } })
    text.format(1, 1, { bold: null })
  })],
  types: ['every shared type', one(doc => {
    doc.getArray('array').push([new Y.Array(), new Y.Map(), new Y.Text('t')])
    doc.getXmlFragment('xml').insert(0, [new Y.XmlElement('p'), new Y.XmlText('x'), new Y.XmlHook('hook')])
    doc.getMap('map').set('fragment', new Y.XmlFragment())
  })],
  any: ['every kind of value', one(doc => doc.getArray('array').push([
    null, true, false, 0, -0, -5, 2 ** 31, 1.5, 0.1, 2 ** 53, 'é😀', '', [], {}, [1, [2]], { k: { l: [null] } }
  ]))],
  'any-map': ['values of map keys: undefined, a bigint, overwritten, deleted', one(doc => {
    const map = doc.getMap('map')
    map.set('a', undefined)
    map.set('b', 2n ** 62n)
    map.set('b', 3)
    map.set('c', 'gone')
    map.delete('c')
  })],
  subdocument: ['documents inside documents', one(doc => {
    doc.getMap('map').set('sub', new Y.Doc({ guid: 'guid-1', autoLoad: true, meta: { k: 1 } }))
    doc.getMap('map').set('plain', new Y.Doc({ guid: 'guid-2' }))
  })],
  nested: ['types in types, of which some are deleted with all that is in them', one(doc => {
    const inner = new Y.Map()
    doc.getMap('map').set('inner', inner)
    inner.set('list', Y.Array.from([1, 'two']))
    inner.get('list').push([new Y.Text('deep')])
    doc.getXmlFragment('xml').insert(0, [new Y.XmlElement('p')])
    doc.getXmlFragment('xml').get(0).insert(0, [new Y.XmlText('words')])
    doc.getXmlFragment('xml').get(0).setAttribute('class', 'a')
    inner.get('list').delete(0, 1)
    doc.getMap('map').delete('inner')
  }, false)],
  undo: ['undone and redone', one(doc => {
    const text = doc.getText('text')
    const undo = new Y.UndoManager(text, { captureTimeout: 0 })
    text.insert(0, 'first')
    text.insert(5, ' second')
    text.delete(0, 2)
    undo.undo()
    undo.undo()
    undo.redo()
  })],
  concurrent: ['three clients who write in the same place, and hear of each other later', () => {
    const { log, docs } = clients(3)
    docs[0].getText('text').insert(0, 'shared')
    docs.slice(1).forEach(doc => sync(docs[0], doc))
    docs.forEach((doc, i) => doc.getText('text').insert(3, 'xyz'[i].repeat(i + 1)))
    for (const a of docs) for (const b of docs) if (a !== b) sync(a, b)
    docs.forEach((doc, i) => doc.getText('text').insert(2 * i + 1, 'abc'[i]))
    docs[1].getText('text').delete(0, 4)
    return log
  }],
  'large-client-ids': ['client ids of 32 and of 53 bits', () => {
    const { log, docs } = clients(2)
    docs[0].clientID = 4294967295
    docs[1].clientID = Number.MAX_SAFE_INTEGER
    docs[0].getText('text').insert(0, 'low')
    sync(docs[0], docs[1])
    docs[1].getText('text').insert(3, 'high')
    return log
  }],
  gap: ['an update is missing in the middle', () => {
    const log = one(doc => [...'abcdef'].forEach((letter, i) => doc.getText('text').insert(i, letter)))()
    return [...log.slice(0, 2), ...log.slice(4)]
  }],
  surrogates: ['a pair that is cut in half by deleting one half', one(doc => {
    const text = doc.getText('text')
    text.insert(0, 'a😀b👩‍👧c')
    text.delete(2, 1)
    text.insert(2, '!')
  }, false)],
  overlap: ['whole states of several moments', () => {
    const { log, docs: [doc] } = clients(1, false)
    const states = []
    for (const word of ['one', 'two', 'three']) {
      doc.getText('text').insert(0, word)
      states.push(Y.encodeStateAsUpdate(doc))
    }
    doc.getText('text').delete(1, 4)
    return [...states, Y.encodeStateAsUpdate(doc), ...log]
  }],
  paste: ['one text much longer than a part', one(doc => doc.getText('text').insert(0, 'Grüße 😀 '.repeat(20)))]
}

const expect = (name, what, found) => { if (found) throw new Error(`${name}: ${what}: ${found}`) }

const describe = async (name, about, log) => {
  const lines = [`about ${about}`, ...log.map(update => `update ${hex(update)}`)]
  const put = (what, ...bytes) => lines.push(`${what} ${bytes.map(hex).join(' ')}`)
  const theirs = Y.mergeUpdates(log)
  const merged = await run(MERGE, ...log)
  expect(name, 'merge', difference(theirs, merged, 'forms'))
  put('merged', merged)
  const vector = await run(STATE_VECTOR, merged)
  expect(name, 'state vector', equalBytes(vector, Y.encodeStateVectorFromUpdate(merged)) ? null : hex(vector))
  put('vector', vector)
  const reference = load(theirs)
  const complete = !isPending(reference)
  lines.push(`complete ${complete}`)
  for (const [how, loose] of [['squash', ''], ['smallest', 'buried'], ['collect', 'buried']]) {
    const update = await run(COMPACTIONS[how], merged)
    expect(name, how, difference(merged, update, loose))
    if (complete && view(load(update)) !== view(reference)) throw new Error(`${name}: ${how} loads differently`)
    put(how, update)
  }
  for (let at = 1; at <= log.length; at++) {
    const known = Y.encodeStateVectorFromUpdate(Y.mergeUpdates(log.slice(0, at)))
    const diff = await run(DIFF, merged, known)
    expect(name, 'diff', shape(diff) === shape(Y.diffUpdate(merged, known)) ? null : hex(diff))
    put('diff', known, diff)
  }
  const [parts] = await runAll([[SPLIT, merged, Buffer.from(String(PART_BYTES))]])
  if (complete) {
    const doc = load(new Uint8Array([0, 0]))
    for (const part of parts) {
      Y.applyUpdate(doc, part, REMOTE)
      if (isPending(doc)) throw new Error(`${name}: a part waits`)
      put('part', part)
    }
    if (stateVector(doc) !== stateVector(reference)) throw new Error(`${name}: the parts have another state vector`)
    expect(name, 'split', difference(merged, await run(MERGE, ...parts)))
  }
  return lines.join('\n') + '\n'
}

for (const [name, [about, make]] of Object.entries(CASES)) {
  const file = new URL(`${name}.txt`, DIRECTORY)
  const text = await describe(name, about, make())
  if (!check) fs.writeFileSync(file, text)
  else if (fs.readFileSync(file, 'utf8') !== text) throw new Error(`${name}: the vector is not what would be written`)
}
console.log(`${Object.keys(CASES).length} vectors ${check ? 'are right' : 'written'}`)
end()
