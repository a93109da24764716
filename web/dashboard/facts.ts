/** Objects of the API as pairs of a label and a value for people. The unit is in the name of a field, so nothing more has to be known. */
import type { Fields } from './api/fields'
import { bytes, count, percent, rate, seconds } from './format'
import { clip } from './text'

export interface Fact {
  label: string
  value: string
}

type Write = (value: number) => string

const units: readonly (readonly [suffix: string, write: Write])[] = [
  ['_bytes_per_second', value => `${bytes(value)}/s`],
  ['_per_second', value => `${rate(value)}/s`],
  ['_bytes', bytes],
  ['_seconds', seconds],
  ['_ms', value => seconds(value / 1e3)],
  ['_us', value => seconds(value / 1e6)],
  ['_rate', percent],
  ['_percent', value => percent(value / 100)],
]

/** `sync_failures` as people write it. */
export function words(name: string): string {
  const text = clip(name, 60).replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What a field says: its name without the unit, its value with it. */
export function fact(name: string, value: unknown): Fact | null {
  if (typeof value === 'number') {
    // A limit has its unit before its bound: `memory_bytes_max`.
    const bound = /_(?:max|min)$/.exec(name)?.[0] ?? ''
    const bare = bound === '' ? name : name.slice(0, -bound.length)
    for (const [suffix, write] of units) {
      if (bare.endsWith(suffix)) {
        return { label: words(bare.slice(0, -suffix.length) + bound), value: write(value) }
      }
    }
    return { label: words(name), value: count(value) }
  }
  if (typeof value === 'boolean') return { label: words(name), value: value ? 'yes' : 'no' }
  if (typeof value === 'string') return { label: words(name), value: clip(value) }
  return null
}

/** All plain fields, and those of inner objects with the outer name in front. */
export function facts(fields: Fields, max = 60, depth = 2): Fact[] {
  const all: Fact[] = []
  for (const [name, value] of fields.entries(max)) {
    const one = fact(name, value)
    if (one) all.push(one)
    else if (depth > 1 && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const outer = words(name)
      all.push(...facts(fields.fields(name), max, depth - 1).map(inner => ({ ...inner, label: `${outer}: ${inner.label.toLowerCase()}` })))
    }
  }
  return all.slice(0, max)
}
