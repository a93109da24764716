/** Who this tab is: a name and a colour, kept for the next visit and for this tab. Knows nothing of the others but what it is shown. */
import { signal } from '@preact/signals'
import { cloths, colorOf, palette } from './palette'
import { nameLengthMax, nameOf, type Peer } from './peers'

export interface Identity {
  name: string
  color: string
}

const key = 'selvedge-playground-identity'

function read(storage: () => Storage): Identity | undefined {
  try {
    const { name, color } = JSON.parse(storage().getItem(key) ?? '{}') as Partial<Record<keyof Identity, unknown>>
    const [shown, checked] = [nameOf(name), colorOf(color)]
    return shown && checked ? { name: shown, color: checked } : undefined
  } catch {
    // Storage may be forbidden, and what is in it may be anything.
    return undefined
  }
}

function write(storage: () => Storage, identity: Identity): void {
  try {
    storage().setItem(key, JSON.stringify(identity))
  } catch {
    // Then it lasts as long as the page.
  }
}

const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

const ofTab = read(() => sessionStorage)

export const identity = signal<Identity>(ofTab ?? read(() => localStorage) ?? { name: any(cloths), color: any(palette) })

/** This tab has said who it is, and does not step aside for somebody of the same name. */
let settled = ofTab !== undefined

/** The person has chosen: for this tab, and for the next ones. */
export function choose(chosen: Identity): void {
  settled = true
  identity.value = chosen
  write(() => sessionStorage, chosen)
  write(() => localStorage, chosen)
}

/** A second tab of the same browser would be its twin: beside `others` that are here already it takes another colour and a number behind its name. */
export function distinguish(others: Peer[]): void {
  if (settled) return
  settled = true
  const { name, color } = identity.value
  const [names, colors] = [new Set(others.map(peer => peer.name)), new Set(others.map(peer => peer.color))]
  let number = 2
  while (names.has(numbered(name, number)) && number <= others.length + 1) number++
  identity.value = {
    name: names.has(name) ? numbered(name, number) : name,
    color: colors.has(color) ? (palette.find(one => !colors.has(one)) ?? color) : color,
  }
  write(() => sessionStorage, identity.value)
  if (read(() => localStorage) === undefined) write(() => localStorage, { name, color })
}

const numbered = (name: string, number: number): string =>
  `${Array.from(name)
    .slice(0, nameLengthMax - 4)
    .join('')} ${number}`
