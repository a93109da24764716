/** Names of strangers, with all that nobody would see in them made visible. Does not cut them, and knows nothing of where they stand. */

const substitute = '\ufffd'

// What takes no room, or turns the direction of what follows. Selectors choose a form of the character before them, and stay with it.
const hidden = /[\p{Cc}\p{Zl}\p{Zp}\u2800\ufff9-\ufffc]|(?!\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu

// Marks that would stand upon what is before the name, and blanks that a page takes away.
const stray = /^[\s\p{M}]+|\s+$|(?<=\s)\s/gu

/** Marks on one character, beyond as many as any script needs: they would pile up over the lines above. */
export const piled = /(?<=\p{M}{5})\p{M}/gu

/** Of a name with nothing to see: what it is made of is told apart by so many characters. */
const codesMax = 4

/** Whether anybody would see it. */
export function isSeen(name: string): boolean {
  return /[^\s\p{M}]/u.test(name.replace(hidden, ''))
}

/** As it is shown: never blank, and never like another name that differs in what cannot be seen. One without anything to see is told by its characters. */
export function seen(name: string): string {
  if (name !== '' && !isSeen(name)) return `${substitute} ${codes(name)}`
  return name
    .replace(hidden, substitute)
    .replace(piled, substitute)
    .replace(stray, found => substitute.repeat(Array.from(found).length))
}

function codes(name: string): string {
  // No character takes more than two units.
  const characters = Array.from(name.slice(0, (codesMax + 1) * 2))
  const shown = characters
    .slice(0, codesMax)
    .map(character => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`)
  return `${shown.join(' ')}${characters.length > codesMax ? ' …' : ''}`
}
