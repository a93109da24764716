// Random Yjs documents, and what a person would see of one.
import * as Y from 'yjs'
import { hex } from './units.mjs'

/** Random numbers from a seed (mulberry32): `random()` below 1, `random.int(n)` below n, `random.of(list)`. */
export const randomFrom = seed => {
  let state = seed >>> 0
  const random = () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
  random.int = n => Math.floor(random() * n)
  random.of = list => list[random.int(list.length)]
  return random
}

const WORDS = ['a', 'b', 'hello', ' ', '\n', 'é', '日本', '\uFEFFb', 'zz', '']
const PAIR_WORDS = [...WORDS, '😀', '👩‍👩‍👧', 'x😀y', '\u{10FFFF}']

export const roots = doc => [doc.getText('text'), doc.getMap('map'), doc.getArray('array'), doc.getXmlFragment('xml')]

/**
 * Makes random edits. Text may have surrogate pairs and formatting, and there may be sub-documents, unless said
 * otherwise.
 */
export class Editor {
  constructor (random, { pairs = true, subdocuments = true, formats = true } = {}) {
    Object.assign(this, { random, pairs, subdocuments, formats })
  }

  word () { return this.random.of(this.pairs ? PAIR_WORDS : WORDS) }

  any (depth = 0) {
    const r = this.random
    const plain = [
      () => r.int(1000) - 500, () => r() * 1e6, () => `v${r.int(99)}`, () => true, () => null, () => undefined,
      () => new Uint8Array([r.int(256), 1]), () => 2 ** 40 + r.int(9), () => -0, () => BigInt(r.int(1e9)) * 1000000007n,
      () => (this.pairs ? '😀' : 'ß') + r.int(5)
    ]
    const nested = [
      () => ({ k: this.any(depth + 1), ['é' + r.int(3)]: r.int(4) }),
      () => [this.any(depth + 1), this.any(depth + 1)]
    ]
    return r.of(depth < 2 ? [...plain, ...nested] : plain)()
  }

  attributes () {
    const r = this.random
    return r.of([{ bold: true }, { bold: null }, { i: true }, { i: null }, { color: 'c' + r.int(3) }, { color: null, bold: true }])
  }

  type () {
    const r = this.random
    const make = [
      () => { const text = new Y.Text(); text.insert(0, this.word() || 'q'); return text },
      () => new Y.Map([['n', r.int(9)]]), () => Y.Array.from([1, 'two']), () => new Y.XmlElement('p' + r.int(3)), () => new Y.XmlText('xt')
    ]
    if (this.subdocuments) make.push(() => new Y.Doc({ guid: 'sub' + r.int(1e6), ...(r.int(2) ? { meta: { m: 1 }, autoLoad: true } : {}) }))
    return r.of(make)()
  }

  /** Some of the live shared types. */
  reach (doc) {
    const out = roots(doc)
    for (let i = 0; i < out.length && out.length < 60; i++) {
      const type = out[i]
      const children = type instanceof Y.Map ? [...type.values()] : type instanceof Y.Array || type instanceof Y.XmlFragment ? type.toArray() : []
      out.push(...children.filter(child => child instanceof Y.AbstractType))
    }
    return out
  }

  edit (doc) {
    const type = this.random.of(this.reach(doc))
    if (type instanceof Y.Text) this.editText(type)
    else if (type instanceof Y.Map) this.editMap(type)
    else if (type instanceof Y.Array) this.editArray(type)
    else this.editXml(type)
  }

  editText (text) {
    const r = this.random
    const length = text.length
    const at = r.int(length + 1)
    const what = r.int(8)
    if (what < 4) {
      const word = this.word()
      if (word) text.insert(at, word, !this.formats || r.int(4) ? undefined : this.attributes())
    } else if (what < 6) {
      if (length) { const from = r.int(length); text.delete(from, Math.min(length - from, 1 + r.int(6))) }
    } else if (what < 7 && this.formats) {
      if (length) { const from = r.int(length); text.format(from, Math.min(length - from, 1 + r.int(8)), this.attributes()) }
    } else {
      text.insertEmbed(at, r.int(4) ? { img: 'é"\\' + r.int(9) } : new Y.Map([['in', 1]]))
    }
  }

  editMap (map) {
    const r = this.random
    const key = 'k' + r.int(4)
    const what = r.int(6)
    if (what < 3) map.set(key, this.any())
    else if (what < 5) map.set(key, this.type())
    else map.delete(key)
  }

  editArray (array) {
    const r = this.random
    const length = array.length
    const at = r.int(length + 1)
    const what = r.int(6)
    if (what < 2) {
      const value = () => { const x = this.any(); return x === undefined || typeof x === 'bigint' ? null : x }
      array.insert(at, Array.from({ length: 1 + r.int(4) }, value))
    } else if (what < 4) array.insert(at, [this.type()])
    else if (length) { const from = r.int(length); array.delete(from, Math.min(length - from, 1 + r.int(3))) }
  }

  editXml (xml) {
    const r = this.random
    const length = xml.length
    const what = r.int(6)
    if (what < 3) xml.insert(r.int(length + 1), [r.int(2) ? new Y.XmlElement('e' + r.int(3)) : new Y.XmlText('t' + r.int(9))])
    else if (what < 4 && length) xml.delete(r.int(length), 1)
    else if (xml instanceof Y.XmlElement) xml.setAttribute('a' + r.int(2), 'v' + r.int(5))
  }
}

const content = value => {
  if (value instanceof Y.Doc) return `doc ${value.guid}`
  if (value instanceof Y.Text) return value.toDelta().map(op => op.insert instanceof Y.AbstractType ? { ...op, insert: content(op.insert) } : op)
  if (value instanceof Y.Map) return Object.fromEntries([...value.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([k, x]) => [k, content(x)]))
  if (value instanceof Y.Array) return value.toArray().map(content)
  if (value instanceof Y.XmlElement) return [value.nodeName, Object.entries(value.getAttributes()).sort(), value.toArray().map(content)]
  if (value instanceof Y.XmlFragment) return value.toArray().map(content)
  return value
}

/** Everything that can be seen of a document, as text. */
export const view = doc => JSON.stringify(roots(doc).map(content), (_, x) => typeof x === 'bigint'
  ? `bigint ${x}`
  : x === undefined ? 'undefined' : x instanceof Uint8Array ? hex(x) : Object.is(x, -0) ? '-0' : x)

/** A view without formatting. */
export const viewPlain = doc => {
  const plain = value => {
    if (value instanceof Y.Text) {
      const joined = []
      for (const { insert } of value.toDelta()) {
        if (typeof insert === 'string' && typeof joined.at(-1) === 'string') joined.push(joined.pop() + insert)
        else joined.push(insert instanceof Y.AbstractType ? plain(insert) : insert)
      }
      return joined
    }
    if (value instanceof Y.Map) return [...value.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([key, x]) => [key, plain(x)])
    if (value instanceof Y.Array || value instanceof Y.XmlFragment) return value.toArray().map(plain)
    return content(value)
  }
  return JSON.stringify(roots(doc).map(plain), (_, x) => typeof x === 'bigint' ? `bigint ${x}` : x)
}

/** A view in which halves of surrogate pairs, and the U+FFFD that Yjs makes of them, look alike. */
export const blur = text => text.replace(/[\ud800-\udfff\ufffd]/g, '?')

export const REMOTE = 'remote'

/**
 * A new document with this state. When its roots are shown they are there before, as in a client with an editor; then
 * Yjs tidies formatting after each update.
 */
export const load = (update, { gc = true, client = 7, shown = true } = {}) => {
  const doc = new Y.Doc({ gc })
  doc.clientID = client
  if (shown) roots(doc)
  Y.applyUpdate(doc, update, REMOTE)
  return doc
}

/** Brings `to` all that `from` has. */
export const sync = (from, to) => Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), REMOTE)

export const isPending = doc => doc.store.pendingStructs !== null || doc.store.pendingDs !== null
export const stateVector = doc => hex(Y.encodeStateVector(doc))
