/** Text of strangers, made harmless to show: bounded, and without what would change the text around it. */

import { seen } from '../look/names'

/** The longest name, reason or the like that is shown. */
export const nameMax = 200

// Controls, and the marks that turn the direction of what follows: with them a name could pretend to be another.
const disguises = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** At most so many characters; what was cut shows as an ellipsis. On one line, unless it is told to keep lines. */
export function clip(text: string, max = nameMax, keepsLines = false): string {
  // No character takes more than two units.
  const bounded = text.length > max * 2 ? text.slice(0, max * 2) : text
  const isKept = (character: string) => keepsLines && (character === '\n' || character === '\t')
  const characters = Array.from(bounded.replace(disguises, character => (isKept(character) ? character : '\ufffd')))
  const isCut = characters.length > max || bounded.length < text.length
  return isCut ? `${characters.slice(0, max - 1).join('')}…` : characters.join('')
}

/** A name, in which also what is blank or takes no room is seen: it may be all that a link or a heading has. */
export function named(name: string, max = nameMax): string {
  // One unit more than can be shown, so that what is cut is seen to be.
  return clip(seen(name.slice(0, max * 2 + 1)), max)
}

const hex = /^#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i
const functional = /^(?:rgb|hsl)a?\([0-9.,%/ deg]{1,40}\)$/i

/** A colour of a client's presence, if it is one and nothing else. */
export function colour(value: unknown): string | null {
  return typeof value === 'string' && value.length <= 48 && (hex.test(value) || functional.test(value)) ? value : null
}

/** A value as JSON on several lines. */
export function written(value: unknown): string {
  // What is not there JSON has no word for.
  return value === undefined ? '' : JSON.stringify(value, null, 2)
}
