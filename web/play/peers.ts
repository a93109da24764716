/** Who is here, as far as their awareness can be believed. Everything in it is hostile until it has passed here: names are cut, colours and numbers checked. */

import { isSeen, piled } from '../look/names'
import { cloths, colorOf, palette } from './palette'
import type { Point } from './strokes'
import { boardHeight, boardWidth } from './strokes'

export type Place = 'text' | 'list' | 'board'

/** A position in the text as Yjs names it: behind one unit of one client. `item` is null at the very end. */
export interface TextPosition {
  item: { client: number; clock: number } | null
  assoc: number
}

export interface Peer {
  id: number
  name: string
  color: string
  place: Place | undefined
  /** The mark of its tab, and when its page was begun. */
  tab: { mark: string; begun: number } | undefined
  /** Where its selection begins and where its caret is. */
  cursor: { anchor: TextPosition; head: TextPosition } | undefined
  /** Where its pointer is on the board. */
  pointer: Point | undefined
}

/** Longer names are cut. */
export const nameLengthMax = 40

/** Of more awareness states than this the rest is neither listed nor shown. */
export const peersMax = 100

/** Control characters, line breaks, and what turns the direction of the text that follows. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

/** A name that is fit to be shown, or none. */
export function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  // The length of a string is not what it takes on the screen: what remains is cut by characters, after a cut that bounds the work.
  const shown = Array.from(
    value
      .slice(0, nameLengthMax * 8)
      .replace(unprintable, '')
      .replace(piled, '')
      .trim(),
  )
    .slice(0, nameLengthMax)
    .join('')
  return isSeen(shown) ? shown : undefined
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function positionOf(value: unknown): TextPosition | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { item, tname, type, assoc } = record(value)
  const side = typeof assoc === 'number' && assoc < 0 ? -1 : 0
  if (item === undefined || item === null) {
    // The end of the text. A root of another name would be made by looking for it.
    return tname === 'text' && (type === undefined || type === null) ? { item: null, assoc: side } : undefined
  }
  const { client, clock } = record(item)
  return whole(client) && whole(clock) ? { item: { client, clock }, assoc: side } : undefined
}

function cursorOf(value: unknown): Peer['cursor'] {
  const { anchor, head } = record(value)
  const [from, to] = [positionOf(anchor), positionOf(head)]
  return from && to ? { anchor: from, head: to } : undefined
}

function pointerOf(value: unknown): Point | undefined {
  const { x, y } = record(value)
  const inside = (at: unknown, max: number): at is number => typeof at === 'number' && at >= 0 && at <= max
  return inside(x, boardWidth) && inside(y, boardHeight) ? { x, y } : undefined
}

const placeOf = (value: unknown): Place | undefined => (value === 'text' || value === 'list' || value === 'board' ? value : undefined)

/** The mark of a tab: what others say that it is, and what a storage holds, may be anything. */
export const markOf = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[0-9a-f]{16}$/.test(value) ? value : undefined

function tabOf(value: unknown): Peer['tab'] {
  const { mark, begun } = record(value)
  const checked = markOf(mark)
  return checked !== undefined && typeof begun === 'number' ? { mark: checked, begun } : undefined
}

/** What one awareness state says; what it does not say, or says wrongly, is made up from the client's id. */
export function peerOf(id: number, state: unknown): Peer {
  const { user, tab, cursor, place, pointer } = record(state)
  const { name, color } = record(user)
  return {
    id,
    name: nameOf(name) ?? cloths[id % cloths.length] ?? 'Somebody',
    color: colorOf(color) ?? palette[id % palette.length] ?? palette[0],
    place: placeOf(place),
    tab: tabOf(tab),
    cursor: cursorOf(cursor),
    pointer: pointerOf(pointer),
  }
}

/** Everybody else, in an order that stays, and how many that are in all. */
export function peersOf(states: Map<number, unknown>, me: number): { peers: Peer[]; count: number } {
  const others = [...states.keys()].filter(id => id !== me)
  const shown = others.sort((a, b) => a - b).slice(0, peersMax)
  return { peers: shown.map(id => peerOf(id, states.get(id))), count: others.length }
}
