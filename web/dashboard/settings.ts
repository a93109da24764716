/** The settings as the server tells them, read into what is typed and what people read. */
import { Fields } from './api/fields'
import { quantity } from './format'
import { clip, written } from './text'

const settingsMax = 1_000

/** Of a value. */
export const valueMax = 2_000

export interface Setting {
  name: string
  group: string
  meaning: string
  /** As it is typed, and as people read it. */
  value: string
  shownValue: string
  default: string
  isSwitch: boolean
  unit: string
  allowed: string
  origin: string
  isLive: boolean
}

export interface Page {
  settings: Setting[]
  revision: number | null
  /** What the settings file says by now, and only a restart would bring. */
  pending: string[]
}

/** As it is typed. */
function typed(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return clip(value.map(typed).join(','), valueMax)
  return clip(typeof value === 'string' ? value : written(value), valueMax)
}

/** As people read it. */
function readable(value: unknown, unit: string): string {
  if (typeof value === 'number') return quantity(value, unit)
  const text = typed(value)
  return text === '' ? '–' : unit === '' ? text : `${text} ${unit}`
}

/** Bounds have the unit of the value in words; sizes have it already. */
export function bounds(allowed: string, unit: string): string {
  const [, least, most] = /^(\d{1,15}) to (\d{1,15})(?: \w+)?$/.exec(allowed) ?? []
  if (least === undefined || most === undefined) return allowed
  const own = unit === 'ms' || unit === 'bytes' ? unit : ''
  return `${quantity(Number(least), own)} to ${quantity(Number(most), own)}`
}

export function parse(value: unknown): Page {
  const top = new Fields(value)
  return {
    revision: top.number('revision'),
    pending: top.list('pending', settingsMax).map(one => one.text('name') ?? ''),
    settings: top.list('settings', settingsMax).flatMap((one): Setting[] => {
      const name = one.exact('name')
      if (name === null) return []
      const text = (field: string) => one.text(field, valueMax) ?? ''
      const unit = text('unit')
      return [
        {
          name,
          group: text('group'),
          meaning: text('meaning'),
          value: typed(one.raw('value')),
          shownValue: readable(one.raw('value'), unit),
          default: readable(one.raw('default'), unit),
          isSwitch: one.flag('value') !== null,
          unit,
          allowed: bounds(text('allowed'), unit),
          origin: text('origin'),
          isLive: one.flag('live') ?? false,
        },
      ]
    }),
  }
}
