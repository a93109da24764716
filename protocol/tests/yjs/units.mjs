// Compares updates unit by unit, which is the equality that matters: a struct of length n means n structs of length 1.
import * as Y from 'yjs'

const json = value => JSON.stringify(value, (_, x) => typeof x === 'bigint'
  ? `bigint ${x}`
  : x === undefined ? 'undefined' : x instanceof Uint8Array ? `bytes ${Buffer.from(x).toString('hex')}` : x)

const name = id => id ? `${id.client}:${id.clock}` : '-'

const unit = (content, i) => {
  switch (content.constructor) {
    case Y.ContentDeleted: return 'deleted'
    case Y.ContentString: {
      // Half a surrogate pair and the U+FFFD that Yjs makes of it are the same unit before and after a cut.
      const code = content.str.charCodeAt(i)
      return code === 0xfffd || (code >= 0xd800 && code < 0xe000) ? 'text half' : `text ${code}`
    }
    case Y.ContentAny: return `any ${json(content.arr[i])}`
    case Y.ContentJSON: return `json ${json(content.arr[i])}`
    case Y.ContentBinary: return `binary ${Buffer.from(content.content).toString('hex')}`
    case Y.ContentEmbed: return `embed ${json(content.embed)}`
    case Y.ContentFormat: return `format ${content.key}=${json(content.value)}`
    case Y.ContentType: return `type ${content.type.constructor.name} ${content.type.nodeName ?? content.type.hookName ?? ''}`
    case Y.ContentDoc: return `doc ${content.doc.guid} ${json(content.opts)}`
  }
  throw new Error(`no content: ${content.constructor.name}`)
}

/** Every unit with what it is linked to and what it is, and the deleted ones. */
export const explode = update => {
  const { structs, ds } = Y.decodeUpdate(update)
  const units = new Map()
  const deleted = new Set()
  ds.clients.forEach((ranges, client) => ranges.forEach(({ clock, len }) => {
    for (let i = 0; i < len; i++) deleted.add(`${client}:${clock + i}`)
  }))
  for (const struct of structs) {
    if (struct.constructor === Y.Skip) continue
    const { client, clock } = struct.id
    for (let i = 0; i < struct.length; i++) {
      const me = `${client}:${clock + i}`
      if (struct.constructor === Y.GC) {
        units.set(me, { link: 'gc', what: 'gc' })
        continue
      }
      const origin = i ? `${client}:${clock + i - 1}` : name(struct.origin)
      const right = name(struct.rightOrigin)
      const parent = typeof struct.parent === 'string' ? `root ${struct.parent}` : name(struct.parent)
      const link = `${origin} ${right}` + (origin === '-' && right === '-' ? ` ${parent} ${struct.parentSub}` : '')
      units.set(me, { link, what: unit(struct.content, i) })
    }
  }
  return { units, deleted }
}

/**
 * The first difference between two updates, or null. `loose` may be
 * - 'forms': a deleted unit may be a Gc, or without content, on either side, as collecting clients write it;
 * - 'content': in `b`, deleted units may have lost their content;
 * - 'buried': in `b`, they may also be Gc, and more may be deleted.
 */
export const difference = (a, b, loose = '') => {
  const left = explode(a)
  const right = explode(b)
  if (left.units.size !== right.units.size) return `${left.units.size} units and ${right.units.size}`
  if (loose !== 'buried' && left.deleted.size !== right.deleted.size) return `${left.deleted.size} deleted and ${right.deleted.size}`
  for (const id of left.deleted) if (!right.deleted.has(id)) return `${id} is no more deleted`
  for (const [id, x] of left.units) {
    const y = right.units.get(id)
    if (!y) return `${id} is lost`
    if (loose === 'buried' && y.link === 'gc' && right.deleted.has(id)) continue
    if (loose === 'forms' && (x.link === 'gc' || y.link === 'gc') && left.deleted.has(id)) continue
    if (x.link !== y.link) return `${id} is linked to ${x.link} and ${y.link}`
    if (x.what === y.what) continue
    const forgotten = x.what === 'deleted' || y.what === 'deleted'
    if (!loose || !left.deleted.has(id) || !forgotten) return `${id} is ${x.what} and ${y.what}`
  }
  return null
}

/** The structs as Yjs reads them (it does not see the map-entry flag beside an origin), neighbouring Gcs as one. */
export const shape = update => {
  const { structs, ds } = Y.decodeUpdate(update)
  const out = []
  for (const struct of structs) {
    const { client, clock } = struct.id
    const last = out.at(-1)
    if (struct.constructor === Y.GC && last?.[0] === 'gc' && last[1] === client && last[2] + last[3] === clock) {
      last[3] += struct.length
    } else if (struct.constructor === Y.GC || struct.constructor === Y.Skip) {
      out.push([struct.constructor === Y.GC ? 'gc' : 'skip', client, clock, struct.length])
    } else {
      const parent = struct.parent?.client === undefined ? struct.parent : name(struct.parent)
      const content = Array.from({ length: struct.length }, (_, i) => unit(struct.content, i))
      out.push(['item', client, clock, struct.length, name(struct.origin), name(struct.rightOrigin), parent, struct.parentSub, content])
    }
  }
  const deleted = [...ds.clients].sort((a, b) => b[0] - a[0]).map(([client, ranges]) => [client, ranges.map(r => [r.clock, r.len])])
  return JSON.stringify([out, deleted])
}

export const hex = bytes => Buffer.from(bytes).toString('hex')
export const equalBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0
