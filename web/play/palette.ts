/** Colours and names that people get here, and what is taken for a colour at all. */

/** White text is readable on each (WCAG AA). */
export const palette = ['#b3261e', '#a34a00', '#7a5c00', '#2e7d32', '#00696e', '#1a5fb4', '#6a3fc0', '#a8326e'] as const

const labels: Record<(typeof palette)[number], string> = {
  '#b3261e': 'Red',
  '#a34a00': 'Orange',
  '#7a5c00': 'Ochre',
  '#2e7d32': 'Green',
  '#00696e': 'Teal',
  '#1a5fb4': 'Blue',
  '#6a3fc0': 'Violet',
  '#a8326e': 'Pink',
}

/** What a colour of the palette is called. */
export const colorLabel = (color: (typeof palette)[number]): string => labels[color]

/** What those are called who gave no name: cloths. */
export const cloths = ['Linen', 'Denim', 'Twill', 'Calico', 'Tweed', 'Velvet', 'Muslin', 'Damask', 'Satin', 'Felt', 'Corduroy', 'Gingham']

/** Six hexadecimal digits and nothing else: what comes from others ends in style properties. */
export function colorOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : undefined
}

/** Black or white, whichever is easier to read on a colour of the form `#rrggbb`. */
export function textOn(color: string): '#000000' | '#ffffff' {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  // Where the contrast with both is the same (WCAG 2, relative luminance).
  return luminance > 0.179 ? '#000000' : '#ffffff'
}
