/** JSON of another version, or of a stranger, read field by field: what is missing or of another type is not there. */
import { clip, named, nameMax } from '../text'

export class Fields {
  private readonly of: Readonly<Record<string, unknown>>

  constructor(value: unknown) {
    this.of = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  }

  private own(name: string): unknown {
    return Object.hasOwn(this.of, name) ? this.of[name] : undefined
  }

  has(name: string): boolean {
    const value = this.own(name)
    return value !== undefined && value !== null
  }

  raw(name: string): unknown {
    return this.own(name)
  }

  number(name: string): number | null {
    const value = this.own(name)
    return typeof value === 'number' && Number.isFinite(value) ? value : null
  }

  flag(name: string): boolean | null {
    const value = this.own(name)
    return typeof value === 'boolean' ? value : null
  }

  /** Text, and numbers and flags as text; one line, unless it is told to keep lines. */
  text(name: string, max = nameMax, keepsLines = false): string | null {
    const value = this.own(name)
    if (typeof value === 'string') return clip(value, max, keepsLines)
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
  }

  /** What somebody or something is called, so that all of it is seen; one without characters is none. */
  name(name: string, max = nameMax): string | null {
    const value = this.own(name)
    if (typeof value !== 'string') return this.text(name, max)
    return value === '' ? null : named(value, max)
  }

  /** As it is: for what is sent back, such as a name or a cursor. */
  exact(name: string): string | null {
    const value = this.own(name)
    return typeof value === 'string' ? value : null
  }

  /** A time (RFC 3339), in milliseconds since 1970. */
  time(name: string): number | null {
    const value = this.own(name)
    const ms = typeof value === 'string' ? Date.parse(value) : NaN
    return Number.isNaN(ms) ? null : ms
  }

  fields(name: string): Fields {
    return new Fields(this.own(name))
  }

  list(name: string, max: number): Fields[] {
    const value = this.own(name)
    return Array.isArray(value) ? value.slice(0, max).map(one => new Fields(one)) : []
  }

  values(name: string, max: number): unknown[] {
    const value = this.own(name)
    return Array.isArray(value) ? value.slice(0, max) : []
  }

  entries(max: number): [string, unknown][] {
    return Object.entries(this.of).slice(0, max)
  }

  /** The numbers of an object, by their names. */
  numbers(max: number): [string, number][] {
    return this.entries(max).filter((entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1]))
  }
}
