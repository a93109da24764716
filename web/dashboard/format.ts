/** Numbers as people read them, always with a unit. What is not known is a dash. */

const unknown = '–'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const exact = new Intl.NumberFormat('en', { maximumFractionDigits: 6 })
const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 })

function isKnown(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** How many: exact up to a million, three digits from there on. */
export function count(value: number | null | undefined): string {
  if (!isKnown(value)) return unknown
  if (Math.abs(value) >= 1e9) return `${significant.format(value / 1e9)} G`
  if (Math.abs(value) >= 1e6) return `${significant.format(value / 1e6)} M`
  return whole.format(value)
}

/** What a unit of the API makes of a number: sizes and times as people read them, anything else with its digits apart. */
export function quantity(value: number, unit: string): string {
  switch (unit) {
    case 'bytes':
      return bytes(value)
    case 'ms':
      return seconds(value / 1_000)
    default:
      return `${exact.format(value)}${unit === '' ? '' : ` ${unit}`}`
  }
}

/** How many a second. Below ten, tenths tell "hardly any" from "none". */
export function rate(value: number | null | undefined): string {
  if (!isKnown(value)) return unknown
  return value < 10 ? tenths.format(value) : count(value)
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

export function bytes(value: number | null | undefined): string {
  if (!isKnown(value)) return unknown
  let [rest, unit] = [value, 0]
  while (Math.abs(rest) >= 1024 && unit < byteUnits.length - 1) {
    rest /= 1024
    unit++
  }
  return `${Math.abs(rest) >= 100 ? whole.format(rest) : significant.format(rest)} ${byteUnits[unit] ?? ''}`
}

/** A size that has to stay what it is: in the largest unit that leaves nothing over. */
export function exactBytes(value: number): string {
  let [rest, unit] = [value, 0]
  while (rest >= 1024 && rest % 1024 === 0 && unit < byteUnits.length - 1) {
    rest /= 1024
    unit++
  }
  return `${exact.format(rest)} ${unit === 0 ? 'bytes' : (byteUnits[unit] ?? '')}`
}

/** A short time, in the unit that gives it one to three digits before the point. */
export function seconds(value: number | null | undefined): string {
  if (!isKnown(value)) return unknown
  if (value === 0) return '0 ms'
  if (value < 1e-3) return `${significant.format(value * 1e6)} µs`
  if (value < 1) return `${significant.format(value * 1e3)} ms`
  return value < 120 ? `${significant.format(value)} s` : duration(value)
}

const durationUnits = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** A long time, in its two largest units. */
export function duration(value: number | null | undefined): string {
  if (!isKnown(value) || value < 0) return unknown
  let rest = Math.floor(value)
  const parts: string[] = []
  for (const [name, size] of durationUnits) {
    const some = Math.floor(rest / size)
    rest -= some * size
    if (some > 0) parts.push(`${some} ${name}`)
    // The unit below the largest comes along, even if it is none; no more than that.
    if (parts.length === 2 || (parts.length === 1 && some === 0)) break
  }
  return parts.length > 0 ? parts.join(' ') : '0 s'
}

export function percent(part: number | null | undefined): string {
  return isKnown(part) ? `${part < 0.1 ? tenths.format(part * 100) : whole.format(part * 100)} %` : unknown
}

/** How long ago, for people who look at a clock that ticks once a second. */
export function ago(sinceMs: number | null | undefined): string {
  if (!isKnown(sinceMs)) return unknown
  return sinceMs < 1_500 ? 'just now' : `${duration(sinceMs / 1_000)} ago`
}

const parts = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false } as const
const moment = new Intl.DateTimeFormat(undefined, parts)
const momentOfAnotherYear = new Intl.DateTimeFormat(undefined, { year: 'numeric', ...parts })
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })

/** A date and time, of the reader's place; with the year where it is another. */
export function date(value: number | null | undefined, nowMs = Date.now()): string {
  if (!isKnown(value) || Math.abs(value) > 8.64e15) return unknown
  const isThisYear = new Date(value).getFullYear() === new Date(nowMs).getFullYear()
  return (isThisYear ? moment : momentOfAnotherYear).format(value)
}

export function time(value: number | null | undefined): string {
  return isKnown(value) && Math.abs(value) <= 8.64e15 ? timeOfDay.format(value) : unknown
}
