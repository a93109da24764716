/** What changed between two states of a document, as the server tells it, in bounded pieces of text for people. */
import { Fields } from './api/fields'
import { count } from './format'
import { clip, written } from './text'

const rootsMax = 200
const changesMax = 500

/** Of a text inside of others, of which there may be many. */
const piecesMax = 50

const clientsMax = 50

/** Of one piece of text, and of one value. */
const pieceMax = 4_000

export interface Comparison {
  clients: { client: string; inserted: number }[]
  deleted: number
  roots: RootChange[]
}

export interface RootChange {
  /** Nothing where its name has no characters. */
  root: string | null
  type: string
  state: string
  clients: string[]
  text: TextPiece[]
  values: ValueChange[]
  /** More than is shown. */
  left: number
}

/** Of what stayed as it was a server may tell the text, or its ends. */
export type TextPiece = { kind: 'same'; length: number; text: string | null } | { kind: 'added' | 'removed'; text: string }

export interface ValueChange {
  /** Where in the root. */
  path: string
  before: string | null
  after: string | null
  /** Of a text inside of other types. */
  pieces: TextPiece[]
}

export function parse(json: unknown): Comparison {
  const top = new Fields(json)
  return {
    clients: top.list('clients', clientsMax).map(one => ({ client: one.text('client', 20) ?? '', inserted: one.number('inserted') ?? 0 })),
    deleted: top.number('deleted') ?? 0,
    roots: top.list('roots', rootsMax).map(root),
  }
}

function root(of: Fields): RootChange {
  const text = of.list('text', changesMax + 1)
  const values = of.list('values', changesMax + 1)
  return {
    root: of.name('root'),
    type: of.text('type', 40) ?? '',
    state: of.text('state', 40) ?? 'changed',
    clients: of.values('clients', clientsMax).map(client => clip(String(client), 20)),
    text: text.slice(0, changesMax).flatMap(piece),
    values: values.slice(0, changesMax).flatMap(valueChange),
    left:
      of.values('text', Infinity).length +
      of.values('values', Infinity).length -
      Math.min(text.length, changesMax) -
      Math.min(values.length, changesMax) +
      values
        .slice(0, changesMax)
        .reduce((sum, value) => sum + Math.max(0, value.fields('text').values('pieces', Infinity).length - piecesMax), 0),
  }
}

function piece(of: Fields): TextPiece[] {
  const length = of.number('retain')
  if (length !== null) return [{ kind: 'same', length, text: of.text('text', pieceMax, true) }]
  if (of.has('insert')) return [{ kind: 'added', text: shown(of.fields('insert').raw('value')) }]
  if (of.has('delete')) return [{ kind: 'removed', text: shown(of.fields('delete').raw('value')) }]
  return []
}

function valueChange(of: Fields): ValueChange[] {
  if (of.has('set')) {
    const set = of.fields('set')
    return [{ path: place(set), before: side(set, 'before'), after: side(set, 'after'), pieces: [] }]
  }
  if (of.has('splice')) {
    const splice = of.fields('splice')
    const row = (name: string) => {
      const values = splice.values(name, changesMax)
      return values.length === 0 ? null : clip(values.map(shown).join('\n'), pieceMax, true)
    }
    return [{ path: `${place(splice)}[${splice.number('index') ?? 0}]`, before: row('removed'), after: row('inserted'), pieces: [] }]
  }
  if (of.has('text')) {
    const text = of.fields('text')
    return [{ path: place(text), before: null, after: null, pieces: text.list('pieces', piecesMax).flatMap(piece) }]
  }
  return []
}

function side(of: Fields, name: string): string | null {
  // Null is a value as well: what is not there at all is nothing.
  return of.raw(name) === undefined ? null : shown(of.raw(name))
}

/** `tasks[2].title` */
function place(of: Fields): string {
  return of
    .values('path', 100)
    .map(step => (typeof step === 'number' ? `[${step}]` : `.${clip(String(step), 80)}`))
    .join('')
    .replace(/^\./, '')
}

function shown(value: unknown): string {
  return clip(typeof value === 'string' ? value : written(value), pieceMax, true)
}

/** How much was written or deleted. Yjs counts characters of text and values of anything else alike. */
export function units(number: number, roots: readonly RootChange[]): string {
  const one = roots.length > 0 && roots.every(({ type }) => type === 'text') ? 'character' : 'character or value'
  return `${count(number)} ${number === 1 ? one : one.replace('character', 'characters').replace('value', 'values')}`
}
