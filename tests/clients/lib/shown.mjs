// What a document is as JSON, said by Yjs: the other half of what the server says of it. And edits of every kind of it, by chance.
import { isDeepStrictEqual } from 'node:util'
import * as Y from 'yjs'

const MAX = BigInt(Number.MAX_SAFE_INTEGER)

/** In the order of their keys, so that equal ones are equal as strings too. */
const sorted = pairs => Object.fromEntries([...pairs].sort(([one], [other]) => one < other ? -1 : 1).map(([key, value]) => [key, shown(value)]))

const entries = object => sorted(Object.entries(object))

/** How text was written is not seen: neighbours that look the same are one. */
function delta (text) {
  const pieces = []
  for (const { insert, attributes } of text.toDelta()) {
    const piece = { insert: shown(insert), ...(attributes ? { attributes: entries(attributes) } : {}) }
    const last = pieces.at(-1)
    if (last && typeof insert === 'string' && typeof last.insert === 'string' && isDeepStrictEqual(last.attributes, piece.attributes)) {
      last.insert += insert
    } else pieces.push(piece)
  }
  return pieces
}

/** An object whose only key would give it another meaning is wrapped. */
const wrapped = object => Object.keys(object).length === 1 && Object.keys(object)[0].startsWith('$') ? { $object: object } : object

const ofMap = map => sorted(map.entries())

function node (one) {
  if (one instanceof Y.XmlText) return { text: delta(one) }
  const attributes = entries(one.getAttributes())
  return { name: one.nodeName, children: one.toArray().map(node), ...(Object.keys(attributes).length > 0 ? { attributes } : {}) }
}

/** A value as it stands inside others. */
export function shown (value) {
  if (value === undefined) return { $undefined: true }
  if (typeof value === 'bigint') return value >= -MAX && value <= MAX ? Number(value) : { $bigint: String(value) }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) }
  if (value instanceof Uint8Array) return { $binary: Buffer.from(value).toString('base64') }
  if (value instanceof Y.Doc) return { $document: value.guid }
  if (value instanceof Y.XmlElement || value instanceof Y.XmlText) return { $xml: node(value) }
  if (value instanceof Y.Text) {
    const pieces = delta(value)
    return pieces.every(({ insert, attributes }) => typeof insert === 'string' && !attributes) ? value.toString() : { $text: pieces }
  }
  if (value instanceof Y.Map) return wrapped(ofMap(value))
  if (value instanceof Y.Array) return value.toArray().map(shown)
  if (Array.isArray(value)) return value.map(shown)
  if (value === null || typeof value !== 'object') return value
  return wrapped(entries(value))
}

/** Whether something in XML has several attributes, or several formats. */
const hasSeveral = ({ attributes = {}, children = [], text = [] }) => Object.keys(attributes).length > 1 ||
  children.some(hasSeveral) || text.some(hasSeveral)

/**
 * Nothing where Yjs makes nonsense of a value (of one that is embedded `[object Object]`, of formatting by a string `0="x" 1="y"`), and where
 * there are several attributes: the server does not promise their order.
 */
function markup (xml) {
  const string = xml.toString()
  return /\[object Object\]| 0="/.test(string) || xml.toArray().map(node).some(hasSeveral) ? null : string
}

/** All roots of a document whose types are known by their names: `text`, `map`, `array`, `xml`. */
export function content (doc) {
  const [text, map, array, xml] = [doc.getText('text'), doc.getMap('map'), doc.getArray('array'), doc.getXmlFragment('xml')]
  const of = (type, isEmpty, rest) => isEmpty ? { type: 'empty' } : { type, ...rest() }
  return {
    roots: {
      text: of('text', text.toDelta().length === 0, () => ({ value: text.toString(), delta: delta(text) })),
      map: of('map', map.size === 0, () => ({ value: ofMap(map) })),
      array: of('array', array.length === 0, () => ({ value: shown(array) })),
      xml: of('xml_fragment', xml.length === 0, () => ({ value: markup(xml), nodes: xml.toArray().map(node) }))
    }
  }
}

/** A document of its own that holds an update. */
export function loaded (...updates) {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  return doc
}

/** Both hold the same structs and deletions. */
export const equal = (one, other) => Y.equalSnapshots(Y.snapshot(one), Y.snapshot(other))

const WORDS = ['word', 'ü', '😀', '👩‍👩‍👧', '\u202e', ' ', 'a\nb', '"\\', '中文']

const scalar = random => random.pick([
  null, true, false, 0, -1, 1.5, 2 ** 40, -(2 ** 31), 1e300, '', ...WORDS, NaN, Infinity, { big: -(2n ** 60n) - 1n, none: undefined }, new Uint8Array([0, 255]), [],
  {}, [1, [null]], { a: { b: '😀' } }, { $binary: 'no' }, { $map: 1, b: 2 }
])

function fresh (random, depth = 0) {
  const inner = () => depth < 3 && random.chance(1, 2) ? fresh(random, depth + 1) : scalar(random)
  return random.pick([
    () => new Y.Map([['key', inner()], ['😀', inner()]]),
    () => Y.Array.from([inner(), inner()]),
    () => new Y.Text(random.pick(WORDS)),
    () => { const text = new Y.Text(); text.insert(0, 'plain'); text.insert(5, 'bold', { bold: true }); return text }
  ])()
}

/** A place in a text that is not between the halves of a character. */
function place (random, text) {
  const string = text.toDelta().map(({ insert }) => typeof insert === 'string' ? insert : '\u0001').join('')
  const at = random.below(string.length + 1)
  return at > 0 && at < string.length && /[\udc00-\udfff]/.test(string[at]) ? at - 1 : at
}

function editText (random, text) {
  const [one, other] = [place(random, text), place(random, text)].sort((a, b) => a - b)
  random.pick([
    () => text.insert(one, random.pick(WORDS)),
    () => text.insert(one, random.pick(WORDS), random.pick([{ bold: true }, { link: { href: 'x' } }, { bold: true, color: '#fff' }])),
    () => text.insertEmbed(one, random.pick([{ image: 'x' }, { deep: { er: [1, '😀'] } }])),
    () => other > one && text.delete(one, other - one),
    () => other > one && text.format(one, other - one, random.pick([{ bold: true }, { bold: null }, { size: 3 }]))
  ])()
}

function editXml (random, xml) {
  const at = random.below(xml.length + 1)
  const child = at < xml.length ? xml.get(at) : null
  if (child instanceof Y.XmlText) return editText(random, child)
  if (child instanceof Y.XmlElement) {
    return random.pick([
      () => child.setAttribute(random.pick(['id', 'class']), random.pick(WORDS)),
      () => editXml(random, child),
      () => xml.delete(at, 1)
    ])()
  }
  xml.insert(at, [random.chance(1, 2) ? new Y.XmlElement(random.pick(['p', 'div'])) : new Y.XmlText(random.pick(WORDS))])
}

/** One edit by chance. */
export function edit (random, doc) {
  const value = () => random.chance(1, 3) ? fresh(random) : scalar(random)
  const [map, array] = [doc.getMap('map'), doc.getArray('array')]
  const at = random.below(array.length + 1)
  random.pick([
    () => editText(random, doc.getText('text')),
    () => editXml(random, doc.getXmlFragment('xml')),
    () => map.set(random.pick(['a', 'b', 'ü', '$map']), value()),
    () => map.delete(random.pick(['a', 'b'])),
    () => array.insert(at, [value(), value()]),
    () => at < array.length && array.delete(at, 1),
    () => { const inner = array.get(at); if (inner instanceof Y.Text) editText(random, inner) }
  ])()
}
