/** Who this tab is: a name, a colour and a mark of its own, kept for this tab, and but for the mark for the next visit. Knows nothing of the others but what it is shown. */
import { signal } from '@preact/signals'
import { cloths, colorOf, palette } from './palette'
import { markOf, nameLengthMax, nameOf, type Peer } from './peers'

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

const tabKey = 'selvedge-playground-tab'

/** Says which tab it is: not its document's client id, which is another after each load. */
function newMark(): string {
  const made = Array.from(crypto.getRandomValues(new Uint8Array(8)), byte => byte.toString(16).padStart(2, '0')).join('')
  try {
    sessionStorage.setItem(tabKey, made)
  } catch {
    // As above.
  }
  return made
}

function readMark(): string | undefined {
  try {
    return markOf(sessionStorage.getItem(tabKey))
  } catch {
    return undefined
  }
}

/**
 * Browsers give a duplicated tab, and one that a link opened, a copy of the storage: until it has looked around, its mark may be that of another. Of two
 * that have the same one the page that was begun later is the copy; they are in one browser, with one clock.
 */
export const tab = signal({ mark: readMark() ?? newMark(), begun: performance.timeOrigin })

const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

const ofTab = read(() => sessionStorage)

export const identity = signal<Identity>(ofTab ?? read(() => localStorage) ?? { name: any(cloths), color: any(palette) })

/** This tab has said who it is, and does not step aside for somebody of the same name. */
let settled = ofTab !== undefined

/** It was there before any copy of it. What is seen under its mark after a reload is itself, from before, where the server has not missed it yet. */
let original = (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming | undefined)?.type === 'reload'

/** The person has chosen: for this tab, and for the next ones. */
export function choose(chosen: Identity): void {
  settled = true
  identity.value = chosen
  write(() => sessionStorage, chosen)
  write(() => localStorage, chosen)
}

/** A second tab of the same browser would be its twin: beside `others` that are here already it takes another colour and a number behind its name. */
export function distinguish(others: Peer[]): void {
  const { mark, begun } = tab.value
  if (!original && others.some(peer => peer.tab?.mark === mark && peer.tab.begun < begun)) {
    tab.value = { mark: newMark(), begun }
    settled = false
  }
  original = true
  if (settled) return
  settled = true
  const { name, color } = identity.value
  identity.value = besides(others, identity.value)
  write(() => sessionStorage, identity.value)
  if (read(() => localStorage) === undefined) write(() => localStorage, { name, color })
}

/** The same, or as much like it as nobody else is. */
export function besides(others: Pick<Peer, 'name' | 'color'>[], { name, color }: Identity): Identity {
  const [names, colors] = [new Set(others.map(peer => peer.name)), new Set(others.map(peer => peer.color))]
  const [, stem = name, last = '1'] = /^(.+) ([1-9]\d?)$/u.exec(name) ?? []
  let number = Number(last) + 1
  while (names.has(numbered(stem, number)) && number <= Number(last) + others.length) number++
  return {
    name: names.has(name) ? numbered(stem, number) : name,
    color: colors.has(color) ? (palette.find(one => !colors.has(one)) ?? color) : color,
  }
}

const numbered = (name: string, number: number): string =>
  `${Array.from(name)
    .slice(0, nameLengthMax - 4)
    .join('')} ${number}`
